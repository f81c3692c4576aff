"""A fuzz of everything that the server takes: collections, documents and structural operations as raw bytes on both
sides of a device, beside ordinary traffic. Afterwards every difference is named in the API. docs/development.md."""

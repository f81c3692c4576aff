"""What any program needs that works with MongoDB: connections, transactions, raw commands, documents, change streams,
and errors in words. It knows nothing of what sync keeps."""

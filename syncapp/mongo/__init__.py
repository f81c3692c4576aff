"""General MongoDB code: connections, transactions, raw commands, documents, change streams
and error texts. It knows nothing of sync's own data."""

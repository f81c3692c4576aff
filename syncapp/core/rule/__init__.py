"""The rules of a collection as values: what they accept, which collections they concern, what they let sync see of a document."""

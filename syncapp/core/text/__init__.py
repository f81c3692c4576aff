"""Values as people read and type them: `_id`s, documents, durations, names in one line, and no passwords."""

"""What sync computes with: keys, contents and their hashes, facts and times, and the decision about one document.

Pure: it knows no server, no Django and no Celery, and reads no clock but its caller's."""

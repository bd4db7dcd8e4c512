"""The verifier: a copy of the buckets and the log's key in, every check of the evidence format out."""

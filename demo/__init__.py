"""`make demo`: one evening of a small warehouse, audited."""

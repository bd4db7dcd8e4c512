"""Tampering of every kind, each caught by the check that is there for it."""

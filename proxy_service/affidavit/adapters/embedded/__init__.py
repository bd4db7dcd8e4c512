"""The embedded default: one folder on a disk."""

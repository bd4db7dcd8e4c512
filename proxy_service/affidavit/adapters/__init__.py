"""The outside: one file per outside system."""

"""Sections of the configuration file that are long enough for a file of their own."""

"""Affidavit: an MCP gateway whose audit trail holds up as evidence."""

__version__ = "0.2.0"

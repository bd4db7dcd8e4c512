"""Where a client's token comes from, one file a source."""

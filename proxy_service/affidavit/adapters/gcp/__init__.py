"""Google Cloud: one file a service; only here are its libraries imported."""

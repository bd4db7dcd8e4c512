"""Google Cloud: one file a service; only here `google.*` is imported."""

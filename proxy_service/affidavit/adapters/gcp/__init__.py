"""Google Cloud, one file a service; nothing else imports `google.*`."""

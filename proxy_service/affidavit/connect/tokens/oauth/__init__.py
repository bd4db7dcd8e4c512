"""A person's token, by signing in with the authorization server that the gateway names."""

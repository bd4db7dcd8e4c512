"""The proof that the gateway is transparent: the conformance suites of MCP, directly and through it."""

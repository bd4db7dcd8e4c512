"""An MCP server of our own that can do everything the conformance suites ask for, in both eras."""

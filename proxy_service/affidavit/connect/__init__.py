"""The client's side: a stdio MCP server that carries messages to a gateway under a token that is always fresh."""

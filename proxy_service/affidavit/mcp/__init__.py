"""What was asked: MCP and JSON-RPC as bytes and values."""

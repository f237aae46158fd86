"""A local SurrealDB server: the embedded engine with the WebSocket RPC protocol."""

"""A local SurrealDB server: the real engine, embedded, behind the real wire protocol."""

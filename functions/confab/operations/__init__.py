"""The REST operations, one module each, and the table of their routes."""

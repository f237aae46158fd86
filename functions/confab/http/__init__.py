"""The REST operations: the table of their routes, their handlers, and the edge that they share."""

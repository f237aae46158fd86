"""How a stored entry reaches the instances whose rooms need it."""

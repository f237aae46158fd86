"""Attacks on real processes, with a well-behaved pair of users beside them, and a judge."""

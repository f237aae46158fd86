"""Probes of a running system: what is wrong with it, and how to fix it."""

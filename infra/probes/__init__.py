"""Probes of a running system, with a fix for each failure."""

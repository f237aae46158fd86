"""Adapters of the `TokenVerifier` port."""

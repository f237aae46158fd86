"""Adapters of the `Publisher` and `Subscription` ports."""

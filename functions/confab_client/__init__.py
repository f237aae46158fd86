"""Confab for backends and bots: REST, rooms that are followed live, and a command line."""

from confab_client.client import Confab
from confab_client.errors import ConfabError
from confab_client.room import Room

__all__ = ["Confab", "ConfabError", "Room"]

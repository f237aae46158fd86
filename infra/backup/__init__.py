"""Backups of the store: `python -m infra.backup --help`."""

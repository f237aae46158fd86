"""Confab on Google Cloud, as a Pulumi program."""

"""Deployment to Google Cloud: `python -m infra.deploy --help`."""

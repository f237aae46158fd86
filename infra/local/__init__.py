"""The one-command local stack: what stands in for the cloud's services on a developer's machine."""

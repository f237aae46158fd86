"""The one-command local stack: emulators and servers instead of the cloud's services."""

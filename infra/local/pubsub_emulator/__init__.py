"""A Pub/Sub emulator: the methods of the service's gRPC interface that Confab uses, and push.

    python -m infra.local.pubsub_emulator --host 127.0.0.1 --port 8085

Keeps everything in memory, within bounds. Rejects other methods, fields and filters.
"""

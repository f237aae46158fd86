"""A Pub/Sub emulator: the part of the service's gRPC interface that Confab uses, and push.

    python -m infra.local.pubsub_emulator --host 127.0.0.1 --port 8085

Everything is in memory and bounded. A method, field or filter that is not here is refused.
"""

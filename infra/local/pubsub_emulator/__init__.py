"""A Pub/Sub emulator: the part of the service's gRPC interface that Confab and its consumers use.

    python -m infra.local.pubsub_emulator --host 127.0.0.1 --port 8085

Everything is in memory and gone with the process. What it holds is bounded; what it does not
know it refuses.
"""

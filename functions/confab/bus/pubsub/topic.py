"""The topic, where it is ours to create: on an emulator."""

from google.api_core.exceptions import AlreadyExists
from google.pubsub_v1 import Topic

from confab.bus.pubsub.endpoint import Endpoint

ORIGIN = "origin"
"""The attribute of an entry's event that says which process published it: it need not hear it."""


async def create_topic(endpoint: Endpoint, topic: str, *, timeout: float) -> None:
    """Create the topic unless it is there; raises what the call raises."""
    async with endpoint.publisher() as client:
        try:
            await client.create_topic(Topic(name=topic), retry=None, timeout=timeout)
        except AlreadyExists:
            return

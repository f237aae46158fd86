"""The subscriptions that a bus has, whoever they belong to."""

from confab.bus.client import Endpoint
from tests.support.users import PROJECT


async def subscriptions(bus: str) -> list[str]:
    """The names of all subscriptions of the bus at this address."""
    async with Endpoint(bus).subscriber() as client:
        pages = await client.list_subscriptions(project=f"projects/{PROJECT}", retry=None)
        return [subscription.name async for subscription in pages]


async def unsubscribe(bus: str) -> None:
    """Delete every subscription without its owner's knowledge."""
    async with Endpoint(bus).subscriber() as client:
        for name in await subscriptions(bus):
            await client.delete_subscription(subscription=name, retry=None)

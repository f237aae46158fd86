"""The receiving side of the bus: hands its events to the parts of an instance."""

import logging
from collections.abc import Callable
from datetime import datetime

from confab.domain.events import Typing
from confab.ports import Subscription

log = logging.getLogger(__name__)


async def consume(
    subscription: Subscription,
    *,
    origin: str,
    entry: Callable[[str, int, datetime], None],
    typing: Callable[[Typing], None],
    echo: Callable[[], None],
) -> None:
    """Hand on what other instances and functions publish, until the subscription is closed.

    `entry` is called with an entry's conversation and number and the time of its commit, as the
    bus has them, which are not to be trusted; `echo` for what this instance has published itself.
    """
    async for event in subscription.events():
        try:
            if event.origin == origin:
                echo()
            elif isinstance(event, Typing):
                typing(event)
            else:
                entry(event.conversation_id, event.seq, event.at)
        except Exception:  # one event must not end the consuming
            log.exception("an event of the bus could not be passed on", extra={"type": event.type})

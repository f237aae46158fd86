"""The receiving side of the bus: dispatches its events within an instance."""

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
    """Dispatch the events of other instances and of functions until the subscription is closed.

    `entry` gets an entry's conversation, its number and the time of its commit, none of them to be
    trusted; `echo` is called for each event that this instance has published itself.
    """
    async for event in subscription.events():
        try:
            if event.origin == origin:
                echo()
            elif isinstance(event, Typing):
                typing(event)
            else:
                entry(event.conversation_id, event.seq, event.at)
        except Exception:  # one event must not end the loop
            log.exception("an event of the bus could not be passed on", extra={"type": event.type})

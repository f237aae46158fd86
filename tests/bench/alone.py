"""A realtime container on a store and a bus that answer at once: `python -m tests.bench.alone FILE`.

They are in its own memory. FILE has the conversations, one in a line.
"""

import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from confab.config import Config
from confab.domain.models import Conversation, Page
from confab.realtime import __main__ as container
from confab.wiring import Adapters
from tests.support.samples import NOW
from tests.support.twins.bus import MemoryBus
from tests.support.twins.store import MemoryStore


class _Store(MemoryStore):
    """Reads the file again for a page of a conversation that it does not have."""

    async def page(self, conversation_id: str, *args: Any, **options: Any) -> Page | None:
        if conversation_id not in self.logs:
            for one in _listed():
                await self.create(one, None, now=NOW)
        return await super().page(conversation_id, *args, **options)


def _listed() -> list[Conversation]:
    return [Conversation.model_validate_json(line) for line in Path(sys.argv[1]).read_text().splitlines()]


class _Alone(Adapters):
    def __init__(self, config: Config, **options: Any) -> None:
        super().__init__(config, **options)
        bus = MemoryBus()
        self.store = _Store()
        self.publisher, self.subscription = bus.publisher(), bus.subscription(self.instance)


if __name__ == "__main__":
    with patch.object(container, "Adapters", _Alone):
        container.main()

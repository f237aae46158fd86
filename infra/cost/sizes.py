"""How long what Confab sends is, beside the content: ids, times, names of fields.

The numbers follow from the models; a test derives them again.
"""

MESSAGE_BYTES = 284
"""A message as JSON with empty content, without metadata, ids and numbers of usual length."""
EVENT_BYTES = 462
"""The same as an event of the bus."""
ATTRIBUTE_BYTES = 65
"""The attributes of a bus message: names and values."""
BUS_FIELD_BYTES = 37
"""What Pub/Sub counts on top: 20 bytes of time, and an id of 17 digits."""
FRAME_BYTES = 18
"""What makes a message an event of Socket.IO in a WebSocket frame."""
REST_BYTES = 800
"""The headers of a REST answer, and what surrounds the entries in it."""
LOG_BYTES = 1_500
"""The log lines of one request: Cloud Run's and Confab's."""

MIN_BILLED_BYTES = 1_000
"""What Pub/Sub bills for a request at least; every event is taken to travel alone. A probe is shorter."""


def entry_bytes(content: int) -> int:
    """A message with `content` bytes of content, as JSON."""
    return MESSAGE_BYTES + content


def frame_bytes(content: int) -> int:
    """The frame that tells a socket of it."""
    return entry_bytes(content) + FRAME_BYTES


def billed_bus_bytes(content: int) -> int:
    """What Pub/Sub bills for taking its event, and again for each subscription that it goes to."""
    return max(MIN_BILLED_BYTES, EVENT_BYTES + content + ATTRIBUTE_BYTES + BUS_FIELD_BYTES)

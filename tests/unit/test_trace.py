import asyncio

import pytest

from confab import trace
from confab.trace import Trace

ID, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "text", "expected"),
    [
        (trace.HEADER, f"00-{ID}-{SPAN}-01", Trace(ID, SPAN, sampled=True)),
        (trace.HEADER, f"00-{ID}-{SPAN}-00", Trace(ID, SPAN)),
        (trace.HEADER, f"cc-{ID}-{SPAN}-09-a-later-version", Trace(ID, SPAN, sampled=True)),
        (trace.HEADER, "", None),
        (trace.HEADER, f"ff-{ID}-{SPAN}-01", None),
        (trace.HEADER, f"00-{ID.upper()}-{SPAN}-01", None),
        (trace.HEADER, f"00-{'0' * 32}-{SPAN}-01", None),
        (trace.HEADER, f"00-{ID}-{'0' * 16}-01", None),
        (trace.HEADER, f"00-{ID}-{SPAN}", None),
        (trace.CLOUD_HEADER, f"{ID}/{int(SPAN, 16)};o=1", Trace(ID, SPAN, sampled=True)),
        (trace.CLOUD_HEADER, f"{ID.upper()}/{int(SPAN, 16)};o=0", Trace(ID, SPAN)),
        (trace.CLOUD_HEADER, f"{ID}/1", Trace(ID, "0000000000000001")),
        (trace.CLOUD_HEADER, f"{ID}/{1 << 64};o=1", None),
        (trace.CLOUD_HEADER, f"{ID}/0;o=1", None),
        (trace.CLOUD_HEADER, ID, None),
    ],
)
def test_a_trace_is_read_from_the_header_of_w3c_or_google(header, text, expected):
    assert trace.of_request({header: text}) == expected
    if expected is not None:
        assert trace.parse(str(expected)) == expected


def test_w3cs_header_precedes_googles_where_it_is_valid():
    cloud = {trace.CLOUD_HEADER: f"{'a' * 32}/1"}
    assert trace.of_request(cloud | {trace.HEADER: f"00-{ID}-{SPAN}-00"}) == Trace(ID, SPAN)
    assert trace.of_request(cloud | {trace.HEADER: "nonsense"}) == Trace("a" * 32, "0000000000000001")


async def test_tasks_that_are_begun_within_belong_to_it():
    async def begin() -> Trace | None:
        return trace.current()

    with trace.Entered(Trace(ID, SPAN)):
        begun = asyncio.create_task(begin())
    assert trace.current() is None
    assert await begun == Trace(ID, SPAN)

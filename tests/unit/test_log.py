import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import h11
import pytest
from aiohttp import http_exceptions

from confab import log, trace
from confab.domain.errors import Unavailable
from confab.trace import Trace

TOKEN = "s3cret"
ROOT = Path(__file__).parents[2]


def record(name: str, message: str = "a message", **extra: object) -> logging.LogRecord:
    """A line about what is raised at this moment."""
    raised = sys.exc_info() if sys.exception() else None
    return logging.getLogger(name).makeRecord(
        name, logging.ERROR, "f.py", 1, message, (), raised, extra=extra
    )


def failed(name: str) -> logging.LogRecord:
    """A line about an error that quotes a token, and that another one led to."""
    try:
        try:
            raise KeyError(TOKEN)
        except KeyError as cause:
            raise ValueError(TOKEN) from cause
    except ValueError:
        return record(name, f"it failed\nwith {TOKEN}", field=TOKEN)


def written(line: logging.LogRecord) -> dict[str, object]:
    text = log.JsonFormatter("p").format(line)
    assert "\n" not in text
    line_written: dict[str, object] = json.loads(text)
    return line_written


def test_a_record_is_one_json_object_with_its_fields_and_its_trace():
    line = {"severity": "ERROR", "message": "a message", "logger": "confab.test", "requestId": "r1"}
    assert written(record("confab.test", requestId="r1")) == line
    with trace.Entered(Trace("a" * 32, "b" * 16, sampled=True)):
        assert written(record("confab.test", requestId="r1")) == line | {
            "logging.googleapis.com/trace": f"projects/p/traces/{'a' * 32}",
            "logging.googleapis.com/spanId": "b" * 16,
            "logging.googleapis.com/trace_sampled": True,
        }


@pytest.mark.parametrize("name", ["asyncio", "confabulation", "root", "aiohttp.server", "confab.store"])
def test_an_error_of_a_library_is_logged_without_its_messages(name):
    line = written(failed(name))
    if name == "confab.store":  # its own words are kept, not those of the errors
        assert (line.pop("message"), line.pop("field")) == (f"it failed\nwith {TOKEN}", TOKEN)
    else:
        assert line["message"] == "it failed"
    assert TOKEN not in json.dumps(line)
    assert line["severity"] == "ERROR"
    exception = str(line["exception"])
    assert exception.index("builtins.KeyError") < exception.index("builtins.ValueError")
    assert "in failed" in exception


def test_an_error_of_confabs_own_keeps_its_message_and_a_group_shows_its_first_error():
    try:
        raise ExceptionGroup(TOKEN, [Unavailable("The store is away."), KeyError(TOKEN)])
    except ExceptionGroup:
        exception = str(written(record("confab.x"))["exception"])
    assert "confab.domain.errors.Unavailable: The store is away." in exception
    assert "builtins.ExceptionGroup" in exception
    assert TOKEN not in exception


@pytest.mark.parametrize(
    ("name", "module", "severity", "logger"),
    [
        ("asyncio", "confab.x", "ERROR", "confab.x"),
        ("asyncio", "aiohttp.web", "ERROR", "asyncio"),
        ("aiohttp.server", "confab.x", "ERROR", "confab.x"),
        ("aiohttp.server", "aiohttp.web", "INFO", "aiohttp.server"),
        ("uvicorn.error", "uvicorn.protocols", "INFO", "uvicorn.error"),
        ("google.auth", "confab.x", "ERROR", "google.auth"),
    ],
)
def test_what_nobody_handled_counts_as_confabs_defect_if_its_code_took_part(name, module, severity, logger):
    def work(token):
        raise KeyError(token)

    try:
        FunctionType(work.__code__, {"__name__": module})(TOKEN)
    except KeyError:
        reported = record(name, f"it died\n{TOKEN}")
        assert log.downgrade_client_errors(reported)
        line = written(reported)
    assert (line["severity"], line["logger"], line["message"]) == (severity, logger, "it died")
    assert ("exception" in line) == (severity == "ERROR")
    assert TOKEN not in json.dumps(line)


@pytest.mark.parametrize(
    "error", [h11.LocalProtocolError("it is over"), http_exceptions.BadHttpMessage(f"with {TOKEN}")]
)
def test_invalid_http_of_a_client_is_no_error_of_the_server(error):
    try:
        try:
            raise error
        finally:
            raise RuntimeError
    except RuntimeError:
        lines = [record(name) for name in ("uvicorn.error", "root", "confab.x")]
        lines[1].exc_info = None  # it logs what is raised, and does not say so
        assert all(map(log.downgrade_client_errors, lines))
    assert [line.levelname for line in lines] == ["INFO", "INFO", "ERROR"]
    assert written(lines[0]) == {"severity": "INFO", "message": "a message", "logger": "uvicorn.error"}


def test_an_error_that_keeps_a_server_from_starting_stays_one():
    try:
        raise OSError("address in use")
    except OSError:
        line = record("uvicorn.error", "[Errno 98] address in use")
        line.exc_info = None  # so does uvicorn
        log.downgrade_client_errors(line)
    assert line.levelname == "ERROR"


def test_a_flood_of_a_kind_writes_ten_lines_a_minute_and_how_many_were_left_out():
    clock, output = [0.0], io.StringIO()
    handler = log.SampledHandler(output, clock=lambda: clock[0])
    handler.setFormatter(log.JsonFormatter("p"))

    def flood(at: float) -> list[tuple[object, ...]]:
        """What is written for a thousand lines of one kind and three of each of three others, 9 s long."""
        clock[0] = at
        flooded: dict[str, str | None] = {log.KIND: "x"}
        others: list[dict[str, str | None]] = [{}, {log.KIND: "y"}, {log.KIND: None}]
        with trace.Entered(Trace("a" * 32, f"{int(at) + 1:016x}")):
            for number in range(1_000):
                for kind in (flooded, *(others if number < 3 else ())):
                    handler.handle(record("confab.x", f"{kind.get(log.KIND, '')} {number}", **kind))
                clock[0] += 0.009
        written = map(json.loads, output.getvalue().splitlines())
        output.seek(output.truncate(0))
        return [(line["message"], line.get("times"), line[log.SPAN]) for line in written]

    first, second = f"{1:016x}", f"{91:016x}"
    kinds = (("x", 1), ("", None), ("y", 1), ("None", None))
    whole = [(f"{kind} {number}", times) for number in range(3) for kind, times in kinds]
    whole += [(f"x {number}", 1) for number in range(3, 10)]
    assert flood(0.0) == [(*line, first) for line in whole]
    assert flood(90.0) == [("x 999", 990, first), *((*line, second) for line in whole)]
    handler.close()
    assert [json.loads(line)["times"] for line in output.getvalue().splitlines()] == [990]


PROGRAM = """
import asyncio, gc, logging, logging.config
from confab import log

async def lose():
    token = "s3cret"
    raise RuntimeError("a token: " + token)

async def main():
    asyncio.create_task(lose())
    await asyncio.sleep(0)
    gc.collect()

log.setup("p")
logging.getLogger("confab.x")
logging.getLogger("uvicorn.error").addHandler(logging.StreamHandler())
plain = {"plain": {"class": "logging.StreamHandler"}}
logging.config.dictConfig({"version": 1, "handlers": plain, "root": {"handlers": ["plain"]}})
log.setup("p")
for name in ("google.auth", "uvicorn.error", "confab.x"):
    logging.getLogger(name).error("a line")
logging.getLogger("confab.x").info("a line")
logging.getLogger("google.auth").info("below its level")
asyncio.run(main())
"""


def test_everything_that_a_process_logs_is_written_once_and_as_json():
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        check=True,
        cwd=ROOT / "functions",
        text=True,
        timeout=60,
    )
    lines = [json.loads(line) for line in process.stderr.splitlines()]
    assert [(line["logger"], line["severity"]) for line in lines] == [
        ("google.auth", "ERROR"),
        ("uvicorn.error", "ERROR"),
        ("confab.x", "ERROR"),
        ("confab.x", "INFO"),
        ("asyncio", "ERROR"),
    ]
    assert lines[-1]["message"] == "Task exception was never retrieved"
    assert "builtins.RuntimeError" in lines[-1]["exception"]
    assert "s3cret" not in process.stderr
    assert process.stdout == ""

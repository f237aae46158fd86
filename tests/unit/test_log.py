import json
import logging
import subprocess
import sys
from pathlib import Path

import h11
import pytest
from aiohttp import http_exceptions

from confab import log, trace
from confab.trace import Trace

TOKEN = "s3cret"
ROOT = Path(__file__).parents[2]


def record(name: str = "confab.test", message: str = "a %s", **extra: object) -> logging.LogRecord:
    return logging.getLogger(name).makeRecord(
        name, logging.WARNING, "f.py", 1, message, ("message",) if "%" in message else (), None, extra=extra
    )


def failed(name: str) -> logging.LogRecord:
    """A line about an error that quotes a token, and that another one led to."""
    line = record(name, f"it failed\nwith {TOKEN}")
    try:
        try:
            raise KeyError(TOKEN)
        except KeyError as cause:
            raise ValueError(TOKEN) from cause
    except ValueError as error:
        line.exc_info = (type(error), error, error.__traceback__)
    return line


def written(line: logging.LogRecord) -> dict[str, object]:
    text = log.JsonFormatter("p").format(line)
    assert "\n" not in text
    line_written: dict[str, object] = json.loads(text)
    return line_written


def test_a_record_is_one_json_object_with_its_fields_and_its_trace():
    line = {"severity": "WARNING", "message": "a message", "logger": "confab.test", "requestId": "r1"}
    assert written(record(requestId="r1")) == line
    with trace.Entered(Trace("a" * 32, "b" * 16, sampled=True)):
        assert written(record(requestId="r1")) == line | {
            "logging.googleapis.com/trace": f"projects/p/traces/{'a' * 32}",
            "logging.googleapis.com/spanId": "b" * 16,
            "logging.googleapis.com/trace_sampled": True,
        }


@pytest.mark.parametrize("name", ["asyncio", "confabulation", "root", "aiohttp.server"])
def test_an_error_of_a_library_is_logged_without_its_messages(name):
    assert f"ValueError: {TOKEN}" in str(written(failed("confab.store"))["exception"])
    record = failed(name)
    record.field = TOKEN
    assert log.downgrade_client_errors(record)
    line = written(record)
    assert TOKEN not in json.dumps(line)
    assert (line["severity"], line["message"]) == ("WARNING", "it failed")
    exception = str(line["exception"])
    assert exception.index("builtins.KeyError") < exception.index("builtins.ValueError")
    assert "in failed" in exception


@pytest.mark.parametrize(
    "error", [h11.LocalProtocolError("it is over"), http_exceptions.BadHttpMessage(f"with {TOKEN}")]
)
def test_invalid_http_of_a_client_is_no_error_of_the_server(error):
    server, library, ours = record("uvicorn.error"), record("root"), record("confab.x")
    try:
        try:
            raise error
        finally:
            raise RuntimeError
    except RuntimeError:
        server.exc_info = ours.exc_info = sys.exc_info()
        for line in (server, library, ours):
            line.levelno, line.levelname = logging.ERROR, "ERROR"
            assert log.downgrade_client_errors(line)
    assert [line.levelname for line in (server, library, ours)] == ["INFO", "INFO", "ERROR"]
    assert written(server) == {"severity": "INFO", "message": "a message", "logger": "uvicorn.error"}


PROGRAM = """
import asyncio, gc, logging, logging.config
import socketio
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
socketio.AsyncServer()
for name in ("google.auth", "socketio.server", "engineio.server", "uvicorn.error", "confab.x"):
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
        ("socketio.server", "ERROR"),
        ("uvicorn.error", "ERROR"),
        ("confab.x", "ERROR"),
        ("confab.x", "INFO"),
        ("asyncio", "ERROR"),
    ]
    assert lines[-1]["message"] == "Task exception was never retrieved"
    assert "builtins.RuntimeError" in lines[-1]["exception"]
    assert "s3cret" not in process.stderr
    assert process.stdout == ""

import json
import logging

from confab import log, trace
from confab.trace import Trace


def record(**extra: object) -> logging.LogRecord:
    return logging.getLogger("confab.test").makeRecord(
        "confab.test", logging.WARNING, "f.py", 1, "a %s", ("message",), None, extra=extra
    )


def test_a_record_is_one_json_object_with_its_fields():
    line = log.JsonFormatter("p").format(record(requestId="r1", ms=1.5))
    assert "\n" not in line
    assert json.loads(line) == {
        "severity": "WARNING",
        "message": "a message",
        "logger": "confab.test",
        "requestId": "r1",
        "ms": 1.5,
    }


def test_a_record_names_the_trace_that_it_belongs_to():
    with trace.Entered(Trace("a" * 32, "b" * 16, sampled=True)):
        line = json.loads(log.JsonFormatter("p").format(record()))
    assert {name: value for name, value in line.items() if name.startswith("logging.googleapis.com/")} == {
        "logging.googleapis.com/trace": f"projects/p/traces/{'a' * 32}",
        "logging.googleapis.com/spanId": "b" * 16,
        "logging.googleapis.com/trace_sampled": True,
    }


def test_an_exception_comes_with_its_traceback():
    try:
        raise ValueError("why")
    except ValueError as error:
        failed = record()
        failed.exc_info = (type(error), error, error.__traceback__)
    assert "ValueError: why" in json.loads(log.JsonFormatter("p").format(failed))["exception"]


def test_setting_up_twice_writes_once(monkeypatch):
    loggers = [logging.getLogger(name) for name in log.LOGGERS]
    for logger in loggers:
        monkeypatch.setattr(logger, "handlers", [])
        monkeypatch.setattr(logger, "propagate", True)
        monkeypatch.setattr(logger, "level", logging.NOTSET)
    log.setup("p")
    log.setup("p")
    for logger in loggers:
        assert len(logger.handlers) == 1
        assert not logger.propagate

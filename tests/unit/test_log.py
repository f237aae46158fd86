import json
import logging

from confab import log


def record(**extra: object) -> logging.LogRecord:
    return logging.getLogger("confab.test").makeRecord(
        "confab.test", logging.WARNING, "f.py", 1, "a %s", ("message",), None, extra=extra
    )


def test_a_record_is_one_json_object_with_its_fields():
    line = log.JsonFormatter().format(record(requestId="r1", ms=1.5))
    assert "\n" not in line
    assert json.loads(line) == {
        "severity": "WARNING",
        "message": "a message",
        "logger": "confab.test",
        "requestId": "r1",
        "ms": 1.5,
    }


def test_an_exception_comes_with_its_traceback():
    try:
        raise ValueError("why")
    except ValueError as error:
        failed = record()
        failed.exc_info = (type(error), error, error.__traceback__)
    assert "ValueError: why" in json.loads(log.JsonFormatter().format(failed))["exception"]


def test_setting_up_twice_writes_once(monkeypatch):
    logger = logging.getLogger("confab")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    log.setup()
    log.setup()
    assert len(logger.handlers) == 1
    assert not logger.propagate

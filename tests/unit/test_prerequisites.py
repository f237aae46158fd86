"""A missing browser is downloaded if that begins soon; what else is missing is named with its fix."""

import sys
import time

import pytest

from tests.support import prerequisites


@pytest.mark.parametrize(
    ("program", "begins_within_s", "downloaded"),
    [
        ("import time; print('|  0% of 170.4 MiB', flush=True); time.sleep(1.5)", 1, True),
        ("import time; print('Downloading from somewhere', flush=True); time.sleep(60)", 0.3, False),
        ("raise SystemExit(1)", 20, False),
    ],
    ids=["slow", "silent", "failing"],
)
def test_a_download_may_be_slow_but_must_begin_in_time(program, begins_within_s, downloaded):
    command = (sys.executable, "-c", program)
    started = time.monotonic()
    assert prerequisites.downloaded(command, begins_within_s=begins_within_s) is downloaded
    assert time.monotonic() - started < 20


def test_skipped_tests_are_named_with_their_fix(monkeypatch, tmp_path):
    monkeypatch.setattr(prerequisites, "chromium_path", lambda: tmp_path)
    monkeypatch.setattr(prerequisites, "google_emulator_jar", lambda: tmp_path)
    assert list(prerequisites.skipped()) == []
    monkeypatch.setattr(prerequisites, "chromium_path", lambda: None)
    monkeypatch.setattr(prerequisites, "google_emulator_jar", lambda: "it needs java")
    browser, emulator = prerequisites.skipped()
    assert "apt-get install chromium" in browser
    assert "it needs java" in emulator
    assert "gcloud components install" in emulator

"""What is missing is got if it comes soon, and otherwise said with what cures it."""

import sys
import time
from pathlib import Path

import pytest

from tests.support import prerequisites


def program(text: str) -> tuple[str, str, str]:
    return (sys.executable, "-c", text)


def test_a_download_that_has_begun_may_take_its_time():
    slow = program("import time; print('|  0% of 170.4 MiB', flush=True); time.sleep(1.5)")
    assert prerequisites.downloaded(slow, begins_within_s=1)


def test_a_download_that_does_not_begin_is_given_up():
    started = time.monotonic()
    silent = program("import time; print('Downloading from somewhere', flush=True); time.sleep(60)")
    assert not prerequisites.downloaded(silent, begins_within_s=0.3)
    assert time.monotonic() - started < 20


def test_a_download_that_fails_is_no_browser():
    assert not prerequisites.downloaded(program("raise SystemExit(1)"), begins_within_s=20)


def test_what_is_skipped_is_said_with_its_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(prerequisites, "chromium_path", lambda: tmp_path)
    monkeypatch.setattr(prerequisites, "google_emulator_jar", lambda: tmp_path)
    assert list(prerequisites.skipped()) == []
    monkeypatch.setattr(prerequisites, "chromium_path", lambda: None)
    monkeypatch.setattr(prerequisites, "google_emulator_jar", lambda: "it needs java")
    browser, emulator = prerequisites.skipped()
    assert "apt-get install chromium" in browser
    assert "it needs java" in emulator
    assert "gcloud components install" in emulator

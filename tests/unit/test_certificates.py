"""Certificates are fetched once, and again when they are no longer fresh."""

from types import SimpleNamespace

import pytest

from confab.auth.certificates import MARGIN_S, KeptCertificates

URL = "https://certificates.example/"


class Google:
    """Answers with the same status and headers each time; counts."""

    def __init__(self, status=200, **headers):
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.asked = 0

    def __call__(self, url, *, method):
        assert (url, method) == (URL, "GET")
        self.asked += 1
        return SimpleNamespace(status=self.status, headers=self.headers, data=b"{}")


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def asked_after(google, *pauses):
    clock = Clock()
    certificates = KeptCertificates(google, clock=clock)
    certificates(URL, method="GET")
    for pause in pauses:
        clock.now += pause
        certificates(URL, method="GET")
    return google.asked


def test_they_are_asked_for_once_while_they_are_fresh():
    assert asked_after(Google(Cache_Control="public, max-age=60"), 1, 58) == 1


def test_they_are_asked_for_again_when_their_age_is_reached():
    assert asked_after(Google(Cache_Control="public, max-age=60"), 60, 59, 1) == 3


def test_the_time_they_have_spent_in_other_caches_counts():
    assert asked_after(Google(Cache_Control="max-age=60", Age="50"), 9, 1) == 2


@pytest.mark.parametrize(
    "google",
    [
        Google(),
        Google(Cache_Control="no-store"),
        Google(Cache_Control="max-age=60", Age="unknown"),
        Google(status=503, Cache_Control="max-age=60"),
    ],
)
def test_what_may_not_be_kept_is_not(google):
    assert asked_after(google, 0, 0) == 3


def test_they_are_at_hand_until_shortly_before_they_must_be_fetched():
    clock = Clock()
    certificates = KeptCertificates(Google(Cache_Control="max-age=60"), clock=clock)
    assert not certificates.at_hand()
    certificates(URL, method="GET")
    assert certificates.at_hand()
    clock.now += 60 - MARGIN_S
    assert not certificates.at_hand()

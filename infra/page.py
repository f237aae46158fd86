"""The demonstration page on Hosting: the repository's firebase.json, completed for where it is served."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

FIREBASE_JSON = Path(__file__).parents[1] / "firebase.json"
_OWN_ORIGIN = "connect-src 'self'"
SIGN_IN = ("https://identitytoolkit.googleapis.com", "https://securetoken.googleapis.com")
"""Where Firebase Auth signs in, and renews tokens."""


def firebase_json(sources: Iterable[str]) -> dict[str, Any]:
    """The configuration with which the page may connect to these sources, beside its own origin."""
    text = FIREBASE_JSON.read_text()
    assert _OWN_ORIGIN in text
    found: dict[str, Any] = json.loads(text.replace(_OWN_ORIGIN, " ".join((_OWN_ORIGIN, *sources))))
    return found


def realtime_sources(urls: Iterable[str]) -> Sequence[str]:
    """What a page's content security policy has to let it connect to for these realtime addresses."""
    return [f"{scheme}{url[4:]}" for url in urls for scheme in ("http", "ws")]

"""Gives the stack a room in which Ada and Basil talk: `python -m infra.local.seed WEB AUTH`.

Where there is one already it changes nothing. Imports no package, which would delay `ready`.
"""

import json
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

_PASSWORD = "only-on-loopback"  # noqa: S105 - the page has it too, and only an emulator has these users
_SAID = json.loads(Path(__file__).with_name("seed.json").read_text("utf-8"))
_open = build_opener(ProxyHandler({})).open  # loopback is asked directly


def seed(web: str, auth: str) -> None:
    """Sign up the two at the Auth emulator, and let them talk. Raises OSError if something fails."""
    ada, basil = (_user(auth, name) for name in ("Ada", "Basil"))
    path = f"{web}/api/conversations"
    if any(room["seq"] >= len(_SAID) for room in _ask(f"{path}?limit=100", ada)["conversations"]):
        return
    members = [{"userId": basil["localId"], "access": "write"}]
    room = _ask(path, ada, {"type": "chat", "title": "Welcome", "members": members})
    for number, (name, content) in enumerate(_SAID):
        message = {"content": content, "metadata": {"name": name}, "clientMessageId": f"seed-{number}"}
        _ask(f"{path}/{room['id']}/messages", ada if name == "Ada" else basil, message)


def _user(auth: str, name: str) -> dict[str, Any]:
    who = {"email": f"{name.lower()}@demo.example", "password": _PASSWORD, "returnSecureToken": True}
    accounts = f"{auth}/identitytoolkit.googleapis.com/v1/accounts"
    try:
        return _ask(f"{accounts}:signUp?key=demo", {}, {**who, "displayName": name})
    except HTTPError:  # from the last start
        return _ask(f"{accounts}:signInWithPassword?key=demo", {}, who)


def _ask(url: str, user: dict[str, Any], body: object = None) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "seed"}
    headers |= {"Authorization": f"Bearer {user['idToken']}"} if user else {}
    data = None if body is None else json.dumps(body).encode()
    with _open(Request(url, data, headers)) as answer:  # noqa: S310 - at the stack's own addresses
        answered: dict[str, Any] = json.load(answer)
    return answered


if __name__ == "__main__":
    try:
        seed(*sys.argv[1:])
    except HTTPError as refusal:  # of another password, or a room deleted today
        print(f"no room is seeded: {refusal.url} responds {refusal.code}")

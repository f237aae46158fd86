"""What was overwritten, deleted or erased is nowhere, also when whoever removes it is killed half-way."""

import asyncio
import re
import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from confab.erasure import Eraser
from confab.log import JsonFormatter
from confab.store.session import Session
from tests.support.adapters import Announced
from tests.support.api import API, add_message, api_client, bearer, created
from tests.support.changes import say, started
from tests.support.samples import NOW, fresh
from tests.support.surrealdb import SurrealServer, store_command, store_process, surreal_server, surreal_store

LONG = 5_000
"""Messages, so that removing them takes some seconds."""


async def asked(server: SurrealServer, query: str, **variables: object) -> Any:
    session = await Session.open(server.account())
    try:
        return await session.query(query, variables)
    finally:
        await session.close()


async def everything(server: SurrealServer) -> str:
    """All records of all tables."""
    tables = (await asked(server, "INFO FOR DB"))["tables"]
    return str([await asked(server, "SELECT * FROM type::table($table)", table=table) for table in tables])


async def test_words_that_were_edited_deleted_or_erased_are_nowhere(
    world, store_server, bus_server, caplog, monkeypatch
):
    caplog.set_level("INFO", "confab")
    monkeypatch.setattr(caplog.handler, "formatter", JsonFormatter("demo-confab"))
    world.function.verifier = world.users
    world.users.signed_in_at = datetime.now(UTC)
    first, second, key, third, uid, owner = map(fresh, ("first", "second", "key", "third", "user", "owner"))
    async with api_client(world.function) as api:

        async def ask(method: str, path: str, user: str = owner, **body: object) -> Any:
            how: dict[str, Any] = {"json": body} if body else {}
            answer = await api.request(method, path, headers=bearer(user), **how)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

        room = (await created(api, user=owner, members=[{"userId": uid}]))["id"]
        url, live = f"{API}/{room}", await world.client(owner, 1, room, after=0)

        async def where() -> dict[str, str]:
            ways = {path: await ask("GET", path) for path in (url, f"{url}/log", API)}
            ways["join"] = await live.join(room, after=0)
            logs = caplog.text + store_server.log.read_text() + bus_server.log.read_text()
            return {"store": await everything(store_server), "logs": logs} | {
                way: str(ways[way]) for way in ways
            }

        async def gone(*texts: str, names: str = "nobody") -> None:
            for place, found in (await where()).items():
                assert not [text for text in texts if text in found], place
                assert names not in found or place == "logs", place

        body = {"metadata": {"note": first}, "clientMessageId": key}
        assert (await add_message(api, room, first, uid, **body)).status_code == 201
        stored = await everything(store_server)
        assert all(text in stored for text in (first, key, uid))
        await ask("PATCH", f"{url}/messages/1", uid, content=second, metadata={"note": second})
        again = await add_message(api, room, first, uid, **body)
        assert (again.status_code, again.json()["content"]) == (200, second)
        await gone(first)
        await ask("DELETE", f"{url}/messages/1", uid)
        again = await add_message(api, room, first, uid, **body)
        assert (again.status_code, again.json()["content"]) == (200, "")
        await gone(first, second, key)
        assert (await add_message(api, room, third, uid, clientMessageId=f"{key}-2")).status_code == 201
        assert (await ask("DELETE", "/api/me", uid))["done"]
        await gone(first, second, key, third, names=uid)
        await ask("DELETE", url)
        stored = await everything(store_server)
        assert not [text for text in (room, owner, uid, first, second, key, third) if text in stored]
        assert "request" in caplog.text


async def filled(server: SurrealServer, uid: str) -> str:
    """A long conversation of alice's in which this member wrote everything."""
    store = surreal_store(server)
    log = (await started(store, members=({"user_id": uid},))).id
    await store.close()
    await asked(
        server,
        """{
        INSERT INTO message (SELECT VALUE {
            id: [$log, $this], seq: $this, role: 'user', author: $uid, content: 'words',
            metadata: '{}', created_at: $now
        } FROM array::range(1, $long + 1)) RETURN NONE;
        UPDATE type::record('conversation', $log) SET seq = $long RETURN NONE;
        }""",
        log=log,
        uid=uid,
        long=LONG,
        now=NOW,
    )
    return log


@pytest.mark.parametrize("what", ["user", "conversation"])
async def test_another_process_goes_on_after_a_kill(server, what):
    uid = fresh("user")
    log = await filled(server, uid)
    arguments = (uid,) if what == "user" else ("--conversation", log)
    table = "erasing" if what == "user" else "purge"

    async def left() -> list[int | None]:
        """The messages that are still to be removed; none if that has not begun or is over."""
        found: list[int | None] = await asked(
            server, "SELECT VALUE messages FROM type::table($table)", table=table
        )
        return found

    process = await store_process(server, "erase", *arguments)
    async with asyncio.timeout(15):
        while await left() in ([], [None], [LONG]):
            await asyncio.sleep(0.02)
    process.kill()
    await process.communicate()
    (rest,) = await left()
    assert rest is not None
    assert 0 < rest < LONG
    store = surreal_store(server)
    other = Eraser(store, Announced(), locate=lambda one: one, clock=lambda: NOW)
    async with asyncio.timeout(60):
        while await left():
            await other.resume()
    await store.close()
    found = await everything(server)
    assert "words" not in found
    assert uid not in found
    assert (log in found) is (what == "user")


REFUSED = {
    "nothing to erase": (("erase",), 2, "one of the arguments UID --conversation is required"),
    "two things to erase": (("erase", "u", "--conversation", "c"), 2, "not allowed with argument"),
    "no such conversation": (("erase", "--conversation", "none"), 1, "There is no such conversation."),
    "no days": (("expire", "--days", "0"), 2, "must be a whole number of days, at least 1"),
    "a list that is none": (("replay", __file__), 1, "the list is not one that `erased` has printed"),
    "no list": (("replay", "/nowhere"), 2, "can't open '/nowhere'"),
}


@pytest.mark.parametrize(("arguments", "exit_code", "said"), REFUSED.values(), ids=REFUSED)
async def test_a_command_says_what_is_wrong(server, arguments, exit_code, said):
    code, out, err = await store_command(server, *arguments)
    assert (code, out) == (exit_code, "")
    assert said in err
    assert "Traceback" not in err


async def test_the_help_names_every_command(server):
    code, out, _ = await store_command(server, "--help")
    assert code == 0
    assert re.findall(r"^    (\w+)  ", out, re.MULTILINE) == [
        "migrate",
        "check",
        "user",
        "erase",
        "expire",
        "erased",
        "replay",
    ]
    assert "--conversation ID" in (await store_command(server, "erase", "--help"))[1]


async def test_what_commands_remove_is_removed_again_from_a_restored_backup(tmp_path):
    uid, now, data = fresh("user"), datetime.now(UTC), tmp_path / "data"
    async with surreal_server(data) as server:
        store = surreal_store(server)
        logs = {}
        for name, days, fields in (
            ("written in", 0, {"members": ({"user_id": uid},)}),
            ("owned", 0, {"owner": uid}),
            ("deleted", 0, {}),
            ("old", 40, {}),
            ("kept", 20, {}),
        ):
            at = now - timedelta(days=days)
            logs[name] = (await started(store, created_at=at, updated_at=at, **fields)).id
        await say(store, logs["written in"], "words", uid)
        assert await store_command(server, "user", uid) == (0, f"{store.pseudonym(uid)}\n", "")
        await store.close()
        assert await server.terminate() == 0
        shutil.copytree(data, tmp_path / "backup")
        await server.start()
        for arguments, said in (
            (("erase", uid), "2 conversations, 1 messages: done\n"),
            (("erase", "--conversation", logs["deleted"]), "deleted for everyone\ndone\n"),
            (("expire", "--days", "30"), "1 conversations so far\n1 conversations deleted\n"),
        ):
            assert await store_command(server, *arguments) == (0, said, "")
        code, erased, _ = await store_command(server, "erased")
        kinds = [line.split()[0] for line in erased.splitlines()]
        assert (code, sorted(kinds)) == (0, ["conversation", "conversation", "conversation", "user"])
        listed = tmp_path / "erased.txt"
        listed.write_text(erased)
        after = await everything(server)
    async with surreal_server(tmp_path / "backup", migrated=False) as restored:
        assert "words" in await everything(restored)
        assert await store_command(restored, "replay", str(listed)) == (0, "4 erasures are replayed\n", "")
        for found in (after, await everything(restored)):
            assert not [text for text in ("words", uid) if text in found]
            assert {name for name, log in logs.items() if log in found} == {"written in", "kept"}

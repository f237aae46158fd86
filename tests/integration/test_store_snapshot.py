"""A copy of a stopped server's data folder is a complete store, as docs/deploy.md promises of snapshots."""

import re
import shutil

import pytest

from confab.domain.errors import ConversationFinalized
from confab.store.session import Session
from tests.support.processes import ROOT
from tests.support.samples import NOW, conversation, draft, finalize
from tests.support.surrealdb import store_command, surreal_server, surreal_store

GAPS = re.compile(r"```surql\n( +SELECT \* FROM \(.*?);\n +```", re.DOTALL)
"""The guide's query for logs with a gap."""


async def test_a_restored_snapshot_continues_every_conversation(tmp_path):
    async with surreal_server(tmp_path / "data") as server:
        store = surreal_store(server)
        for name in ("open", "closed"):
            await store.create(conversation(name), f"key-{name}", now=NOW)
            await store.append(draft("first", conversation_id=name, client_message_id="once"), now=NOW)
        await finalize(store, "closed", now=NOW)
        before = [await store.page(name, "alice", 10) for name in ("open", "closed")]
        await store.close()
        assert await server.terminate() == 0
        shutil.copytree(tmp_path / "data", tmp_path / "snapshot")
        await server.start()
        changed = surreal_store(server)
        await changed.append(draft("lost", conversation_id="open"), now=NOW)
        await changed.close()
    async with surreal_server(tmp_path / "snapshot", migrated=False) as restored:
        assert (await store_command(restored, "check"))[1].endswith("is in place; root: owner\n")
        store = surreal_store(restored)
        assert [await store.page(name, "alice", 10) for name in ("open", "closed")] == before
        retry = await store.append(draft("first", conversation_id="open", client_message_id="once"), now=NOW)
        assert (retry.new, retry.message.seq) == (False, 1)
        assert (await store.append(draft("next", conversation_id="open"), now=NOW)).message.seq == 2
        with pytest.raises(ConversationFinalized):
            await store.append(draft("late", conversation_id="closed"), now=NOW)
        again = await store.create(conversation("another"), "key-open", now=NOW)
        assert (again.new, again.conversation.id) == (False, "open")
        await store.close()


async def test_the_guides_query_finds_a_log_with_a_gap(tmp_path):
    (query,) = GAPS.findall((ROOT / "docs/deploy.md").read_text())
    async with surreal_server(tmp_path / "data") as server:
        store = surreal_store(server)
        for name in ("whole", "cut"):
            await store.create(conversation(name), None, now=NOW)
            for _ in range(3):
                await store.append(draft(conversation_id=name), now=NOW)
        await finalize(store, "whole", now=NOW)
        await store.close()
        session = await Session.open(server.account())
        assert await session.query(query, {}) == []
        await session.query("DELETE message:['cut', 2]", {})
        assert await session.query(query, {}) == [{"conversation": "cut", "last": 3, "messages": 2}]
        await session.close()

"""The schema migrates forward with data in it, and a release refuses a schema that is too new for it."""

import pytest

from confab.domain.errors import IdempotencyConflict, Unavailable
from confab.store import schema
from confab.store.session import Session
from tests.support.changes import say
from tests.support.samples import NOW, conversation
from tests.support.surrealdb import surreal_server, surreal_store

BEFORE_KINDS = schema.MIGRATIONS[:2]

VERSION_2 = """{
    CREATE ONLY conversation:c1 SET type = 'chat', title = NONE, owner = 'alice', seq = 3, metadata = '{}',
        members = [{ user_id: 'bob', access: 'write' }], created_at = $now, updated_at = $now,
        listed_at = $now, finalized_at = $now, finalized_by = 'a';
    FOR $user IN ['alice', 'bob'] {
        CREATE ONLY participation:[$user, 'c1'] SET
            user = $user, conversation = conversation:c1, status = 'finalized', place = '8xc1';
    };
    FOR $seq IN [1, 2] {
        CREATE ONLY message:['c1', $seq] SET role = 'user', author = 'bob', content = <string>$seq,
            client_message_id = 'k' + <string>$seq, metadata = '{}', created_at = $now;
        CREATE ONLY sent:['c1', 'bob', 'k' + <string>$seq] SET seq = $seq, attempt = 'a';
    };
    CREATE ONLY created:['alice', 'key'] SET conversation = conversation:c1, at = $now;
}"""


async def test_a_store_of_version_2_keeps_its_logs_and_its_keys(tmp_path):
    async with surreal_server(tmp_path / "db", migrated=False) as server:
        session = await Session.open(server.account(), define=True)
        await schema.migrate(session, BEFORE_KINDS)
        await session.query(VERSION_2, {"now": NOW})
        assert await schema.migrate(session) == schema.VERSION - 2
        assert schema.trouble(await schema.read(session), version=2) == schema.TOO_NEW
        with pytest.raises(Unavailable, match="too new"):
            await schema.migrate(session, BEFORE_KINDS)
        await session.close()

        store = surreal_store(server)
        log = await store.log("c1", "bob", 50, after=0)
        assert log is not None
        assert [(e["kind"], e["seq"], e.get("ordinal"), e.get("version")) for e in log.entries] == [
            ("message", 1, 1, 1),
            ("message", 2, 2, 2),
            ("finalized", 3, None, None),
        ]
        assert (log.conversation.message_count, log.conversation.erasures) == (2, 0)
        retried = await say(store, "c1", "2", "bob", client_message_id="k2")
        assert (retried.seq, retried.agent, retried.in_reply_to) == (2, False, None)
        with pytest.raises(IdempotencyConflict):
            await say(store, "c1", "other", "bob", client_message_id="k2")
        again = conversation("c2", members=(), owner="alice").model_copy(
            update={"members": log.conversation.members}
        )
        assert (await store.create(again, "key", now=NOW)).conversation.id == "c1"
        assert [one["id"] for one in await store.conversations("bob", status=None, after=None, limit=9)] == [
            "c1"
        ]
        await store.close()

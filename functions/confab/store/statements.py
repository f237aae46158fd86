"""What the store asks SurrealDB. Each is one statement: one transaction, one round trip.

A block ends at its first RETURN and keeps what it wrote before, so whatever refuses comes ahead
of every write. Values are always bound, never written into the text.
"""

CONVERSATION = "SELECT * FROM ONLY $conversation"

HEADS = "SELECT id, seq FROM $conversations"

MESSAGES = "SELECT * FROM message:[$conversation, $first]..=[$conversation, $last]"

NEWEST = """{
    LET $found = (SELECT * FROM ONLY $conversation);
    IF $found = NONE { RETURN NONE };
    LET $id = record::id($found.id);
    LET $last = IF $found.finalized_at = NONE { $found.seq } ELSE { $found.seq - 1 };
    LET $first = $last - $limit + 1;
    RETURN {
        conversation: $found,
        messages: (SELECT * FROM message:[$id, $first]..=[$id, $last]),
    };
}"""

ENTRIES = """{
    LET $id = record::id($conversation);
    RETURN {
        conversation: (SELECT * FROM ONLY $conversation),
        messages: (SELECT * FROM message:[$id, $first]..=[$id, $last]),
    };
}"""

# The index gives each status in the list's order and stops at the limit. Seen in 3.2.4: a scan
# of record ids reads its whole range whatever the limit, and so does any scan inside a closure.
LISTING_OF_STATUS = """SELECT * FROM (
    SELECT VALUE conversation FROM participation
    WHERE user = $user AND status = $status AND place > $place
    ORDER BY place LIMIT $limit
)"""

LISTING = """SELECT * FROM array::concat((
    SELECT VALUE conversation FROM participation
    WHERE user = $user AND status = 'active' AND place > $place
    ORDER BY place LIMIT $limit
), (
    SELECT VALUE conversation FROM participation
    WHERE user = $user AND status = 'finalized' AND place > $place
    ORDER BY place LIMIT $limit
))"""

# The new conversation's id is fresh, so one that is stored already was stored by an earlier try
# of this very call. Of the keys that have expired a few are forgotten with each new one, which
# is faster than they come.
CREATE = """{
    LET $kept = IF $key = NONE { NONE } ELSE { (SELECT * FROM ONLY created:[$owner, $key]) };
    IF $kept != NONE AND $kept.at > $horizon { RETURN (SELECT * FROM ONLY $kept.conversation) };
    LET $earlier = (SELECT * FROM ONLY $conversation);
    IF $earlier != NONE { RETURN $earlier };
    LET $stored = (CREATE ONLY $conversation CONTENT $content);
    FOR $user IN $participants {
        CREATE ONLY participation:[$user, record::id($conversation)] SET
            user = $user, conversation = $conversation, status = 'active', place = $place
            RETURN NONE;
    };
    IF $key != NONE {
        UPSERT ONLY created:[$owner, $key] SET conversation = $conversation, at = $now RETURN NONE;
        DELETE (SELECT VALUE id FROM created WHERE at <= $horizon ORDER BY at LIMIT 4) RETURN NONE;
    };
    RETURN $stored;
}"""

# `attempt` names this call through all its tries: a key that an earlier try has stored is no
# repetition. `$place` is computed as by `records.place`.
APPEND = """{
    LET $found = (SELECT * FROM ONLY $conversation);
    IF $found = NONE { RETURN { outcome: 'missing' } };
    LET $id = record::id($conversation);
    LET $key = $draft.client_message_id;
    LET $sent = IF $key = NONE { NONE } ELSE { (SELECT * FROM ONLY sent:[$id, $draft.author, $key]) };
    IF $sent != NONE {
        RETURN {
            outcome: IF $sent.attempt = $attempt { 'stored' } ELSE { 'repeated' },
            message: (SELECT * FROM ONLY message:[$id, $sent.seq]),
        };
    };
    IF $found.finalized_at != NONE { RETURN { outcome: 'finalized' } };
    LET $seq = $found.seq + 1;
    LET $at = IF $found.updated_at > $now { $found.updated_at } ELSE { $now };
    UPDATE ONLY $conversation SET seq = $seq, updated_at = $at RETURN NONE;
    LET $message = (CREATE ONLY message:[$id, $seq] CONTENT object::extend($draft, { created_at: $at }));
    IF $key != NONE {
        CREATE ONLY sent:[$id, $draft.author, $key] SET seq = $seq, attempt = $attempt RETURN NONE;
    };
    IF $at != $found.updated_at {
        LET $place = <string>($beyond - time::millis($at)) + $id;
        FOR $user IN array::concat([$found.owner], $found.members.user_id) {
            UPDATE ONLY participation:[$user, $id] SET place = $place RETURN NONE;
        };
    };
    RETURN { outcome: 'stored', message: $message };
}"""

FINALIZE = """{
    LET $found = (SELECT * FROM ONLY $conversation);
    IF $found = NONE { RETURN NONE };
    IF $found.finalized_at != NONE { RETURN $found };
    LET $id = record::id($conversation);
    LET $at = IF $found.updated_at > $now { $found.updated_at } ELSE { $now };
    LET $place = <string>($beyond - time::millis($at)) + $id;
    FOR $user IN array::concat([$found.owner], $found.members.user_id) {
        UPDATE ONLY participation:[$user, $id] SET status = 'finalized', place = $place RETURN NONE;
    };
    RETURN (UPDATE ONLY $conversation SET
        seq = $found.seq + 1, updated_at = $at, finalized_at = $at, finalized_by = $attempt);
}"""

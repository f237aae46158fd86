"""What the store asks SurrealDB. Each is one statement: one transaction, one round trip.

A block ends at its first RETURN and keeps what it wrote before, so whatever refuses comes ahead
of every write. Values are always bound, never written into the text.
"""

CONVERSATION = "SELECT * FROM ONLY $conversation"

HEADS = "SELECT id, seq FROM $conversations"

RECORDS = "SELECT * FROM $records"

MESSAGES = "SELECT * FROM message:[$conversation, $first]..=[$conversation, $last]"

NEWEST = """$wanted.map(|$one| {
    LET $found = (SELECT * FROM ONLY $one.conversation);
    IF $found = NONE { RETURN NONE };
    LET $id = record::id($found.id);
    LET $last = IF $found.finalized_at = NONE { $found.seq } ELSE { $found.seq - 1 };
    LET $first = $last - $one.limit + 1;
    RETURN {
        conversation: $found,
        messages: (SELECT * FROM message:[$id, $first]..=[$id, $last]),
    };
})"""

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

# Stores a group of drafts, `$drafts`: lists by conversation id, in order. It returns how the
# conversations and the keys stood before, and `outcomes.of` tells each draft's outcome from that
# by the same rule: a FOR hands nothing out, and a closure writes nothing. `attempt` names an
# append through all its tries: a key that an earlier try has stored is no repetition. `$place`
# is computed as by `records.place`.
APPEND = """{
    LET $before = (SELECT id, seq, updated_at, finalized_at,
        array::concat([owner], members.user_id) AS participants FROM $conversations);
    LET $sent = (SELECT * FROM $keys);
    LET $known = $sent.id;
    FOR $found IN $before {
        IF $found.finalized_at != NONE { CONTINUE };
        LET $id = record::id($found.id);
        LET $fresh = $drafts[$id].filter(|$draft| $draft.sent NOT IN $known);
        IF $fresh = [] { CONTINUE };
        LET $last = $found.updated_at;
        LET $messages = $fresh.map(|$draft, $index| object::extend($draft.content, {
            id: [$id, $found.seq + 1 + $index],
            created_at: IF $draft.now > $last { $draft.now } ELSE { $last },
        }));
        LET $at = array::last($messages).created_at;
        INSERT INTO message $messages RETURN NONE;
        UPDATE ONLY $found.id SET seq = $found.seq + array::len($fresh), updated_at = $at RETURN NONE;
        IF $keys != [] {
            LET $named = $fresh.map(|$draft, $index|
                { id: $draft.sent, seq: $found.seq + 1 + $index, attempt: $draft.attempt }
            ).filter(|$row| $row.id != NONE);
            INSERT INTO sent $named RETURN NONE;
        };
        IF $at != $last {
            LET $place = <string>($beyond - time::millis($at)) + $id;
            FOR $user IN $found.participants {
                UPDATE ONLY type::record('participation', [$user, $id]) SET place = $place RETURN NONE;
            };
        };
    };
    RETURN { before: (SELECT id, seq, updated_at, finalized_at FROM $before), sent: $sent };
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

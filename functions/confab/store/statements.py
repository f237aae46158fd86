"""What the store asks SurrealDB. Each is one statement: one transaction, one round trip.

A block ends at its first RETURN and keeps what it wrote before, so whatever refuses comes ahead
of every write. Values are always bound, never written into the text.
"""

# A page has many messages: as lists, they take half the time to decode that objects do. As
# `records.messages_of` reads it, and with its time as text as `records.views_of` does.
_MESSAGE = "VALUE [record::id(id), role, author, content, client_message_id, metadata, created_at]"
_VIEW = _MESSAGE.replace("created_at", "<string>created_at")

# Leaves out of a long range what is farther than $enough characters of content and metadata from
# its nearest end. To look at the texts costs a page of 50 a sixth more, so only longer ones are
# looked at, all texts at once; the second, dearer look is for pages that are too large.
_UNMEASURED = 50
_NEAREST = """
    IF $enough = NONE OR array::len($rows) <= UNMEASURED
            OR string::len(array::join(array::flatten($rows), '')) <= $enough {
        $rows
    } ELSE {
        LET $sizes = $rows.map(|$row| string::len($row[3]) + string::len($row[5]));
        LET $fitting = array::fold(
            IF $nearest = 'last' { array::reverse($sizes) } ELSE { $sizes },
            { count: 0, size: 0 },
            |$near, $size| {
                count: IF $near.size + $size > $enough { $near.count } ELSE { $near.count + 1 },
                size: $near.size + $size,
            }
        );
        LET $count = math::max([$fitting.count, 1]);
        IF $nearest = 'last' { array::slice($rows, array::len($rows) - $count) }
        ELSE { array::slice($rows, 0, $count) }
    }
""".replace("UNMEASURED", str(_UNMEASURED))

CONVERSATION = "SELECT * FROM ONLY $conversation"

HEADS = "SELECT id, seq FROM $conversations"

MESSAGES = """{
    LET $rows = (SELECT VIEW FROM message:[$conversation, $first]..=[$conversation, $last]);
    RETURN NEAREST;
}""".replace("VIEW", _VIEW).replace("NEAREST", _NEAREST)

NEWEST = """$wanted.map(|$one| {
    LET $found = (SELECT * FROM ONLY $one.conversation);
    IF $found = NONE { RETURN NONE };
    LET $id = record::id($found.id);
    LET $last = IF $found.finalized_at = NONE { $found.seq } ELSE { $found.seq - 1 };
    LET $first = $last - $one.limit + 1;
    LET $enough = $one.enough;
    LET $nearest = 'last';
    LET $rows = (SELECT VIEW FROM message:[$id, $first]..=[$id, $last]);
    LET $messages = NEAREST;
    RETURN { conversation: $found, messages: $messages };
})""".replace("VIEW", _VIEW).replace("NEAREST", _NEAREST)

ENTRIES = """{
    RETURN {
        messages: array::concat(
            (SELECT MESSAGE FROM $messages),
            array::flatten($ranges.map(|$one| {
                LET $id = $one.conversation_id;
                RETURN (SELECT MESSAGE FROM message:[$id, $one.first]..=[$id, $one.last]);
            }))
        ),
        finalized: (SELECT id, seq, finalized_at FROM $conversations WHERE finalized_at != NONE),
    };
}""".replace("MESSAGE", _MESSAGE)

# Up to $active active conversations of a list by the place that is noted for each, up to
# $finalized finalized ones, and those that may belong ahead of the last active one for what was
# said in them since (`listing.py`). `$behind` is a place, `$window` is in milliseconds. The
# indexes give the rows in order and stop at the limit, or at the range's end. Seen in 3.2.4: a
# scan of record ids reads its whole range whatever the limit, so does any scan inside a closure
# or an IF, and an index of several fields knows only one end of a range.
LISTING = """{
    LET $listed = (
        SELECT place, conversation FROM participation
        WHERE user = $user AND status = 'active' AND place > $behind
        ORDER BY place LIMIT $active
    );
    LET $closed = (
        SELECT VALUE conversation FROM participation
        WHERE user = $user AND status = 'finalized' AND place > $behind
        ORDER BY place LIMIT $finalized
    );
    LET $last = IF $active = 0 OR array::len($listed) < $active { NONE } ELSE { array::last($listed).place };
    LET $mine = <string>string::len($user) + ':' + $user + ':';
    LET $from = $mine + ($last ?? '~');
    LET $horizon = <string>(<int>string::slice($last ?? '0', 0, $digits) + $window);
    LET $until = $mine + IF $last = NONE { '' } ELSE { $horizon };
    LET $later = (SELECT VALUE conversation FROM participation WHERE talk > $from AND talk < $until);
    RETURN {
        conversations: (SELECT * FROM array::concat($listed.conversation, $closed, $later)),
        last: $last,
    };
}"""

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

# Stores a group of drafts, all of them or, if there is one that cannot be stored, none: then it
# returns how the logs stand and what was sent before, and `outcomes.of` tells who is out. `$at`
# of a log's last message and of its conversation is the same; times never run backwards along a
# log. A conversation's place in the lists of its participants is written anew when it is $window
# ms old: that costs more than all the rest together, once for each participant.
APPEND = """{
    LET $before = (SELECT id, seq, updated_at, finalized_at, listed_at FROM $conversations);
    LET $sent = IF $keys = [] { [] } ELSE { (SELECT * FROM $keys) };
    IF $sent != [] OR array::len($before) < array::len($conversations) OR array::any($before.finalized_at) {
        LET $first = $sent.map(|$one| type::record('message', [record::id($one.id)[0], $one.seq]));
        RETURN { stored: false, before: $before, sent: $sent, messages: (SELECT MESSAGE FROM $first) };
    };
    LET $logs = object::from_entries($before.map(|$one| [record::id($one.id), $one]));
    INSERT INTO message $messages.map(|$one| object::extend($one.content, {
        id: [$one.log, $logs[$one.log].seq + $one.number],
        created_at: IF $one.at > $logs[$one.log].updated_at { $one.at } ELSE { $logs[$one.log].updated_at },
    })) RETURN NONE;
    IF $named != [] {
        INSERT INTO sent $named.map(|$one| {
            id: $one.id, seq: $logs[$one.log].seq + $one.number, attempt: $one.attempt
        }) RETURN NONE;
    };
    FOR $log IN $before {
        LET $added = $growth[record::id($log.id)];
        LET $at = IF $added.at > $log.updated_at { $added.at } ELSE { $log.updated_at };
        IF $log.listed_at != NONE AND time::millis($at) < time::millis($log.listed_at) + $window {
            UPDATE ONLY $log.id SET seq += $added.count, updated_at = $at RETURN NONE;
        } ELSE {
            LET $grown = (UPDATE ONLY $log.id SET seq += $added.count, updated_at = $at, listed_at = $at);
            LET $id = record::id($log.id);
            LET $place = <string>($beyond - time::millis($at)) + $id;
            FOR $user IN array::concat([$grown.owner], $grown.members.user_id) {
                UPDATE ONLY type::record('participation', [$user, $id])
                    SET place = $place, talk = <string>string::len($user) + ':' + $user + ':' + $place
                    RETURN NONE;
            };
        };
    };
    RETURN { stored: true, before: $before };
}""".replace("MESSAGE", _MESSAGE)

FINALIZE = """{
    LET $found = (SELECT * FROM ONLY $conversation);
    IF $found = NONE { RETURN NONE };
    IF $found.finalized_at != NONE { RETURN $found };
    LET $id = record::id($conversation);
    LET $at = IF $found.updated_at > $now { $found.updated_at } ELSE { $now };
    LET $place = <string>($beyond - time::millis($at)) + $id;
    FOR $user IN array::concat([$found.owner], $found.members.user_id) {
        UPDATE ONLY participation:[$user, $id]
            SET status = 'finalized', place = $place, talk = NONE RETURN NONE;
    };
    RETURN (UPDATE ONLY $conversation SET
        seq = $found.seq + 1, updated_at = $at, finalized_at = $at, finalized_by = $attempt);
}"""

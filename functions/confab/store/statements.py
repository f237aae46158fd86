"""What the store asks SurrealDB. Each is one statement: one transaction, one round trip.

A block ends at its first RETURN and keeps what it wrote before, so all checks come before the
first write. Values are always bound, never written into the text. What is large travels as
JSON text both ways (`rows.py`), and `encoding::json::decode` never turns a string into another type.
"""

LISTING_WINDOW_MS = 5_000
"""How old, in milliseconds, a list's record of a conversation's activity may be.

Releases that run side by side need the same value.

Each participant has a record of the conversation's activity. To update all of them with every
message would cost a busy room of a hundred people more than everything else, so one is updated
once it is this old. A list therefore reads this much further than its last conversation.
"""

CONVERSATION = "encoding::json::encode((SELECT *, record::id(id) AS id FROM ONLY $conversation))"

HEADS = """{
    LET $ids = (SELECT VALUE type::record('conversation', log) FROM encoding::json::decode($logs));
    RETURN encoding::json::encode((SELECT VALUE [record::id(id), seq] FROM $ids));
}"""

# Answers each wanted page with its conversation and its messages, both as JSON text, or with NONE if
# none of the readers may read it, which costs no more than a missing conversation. A page is cut at
# $most characters of content and metadata, counted from where it begins. To measure each row costs
# a page of 50 a third more, so the text of all is measured first.
PAGES = """encoding::json::decode($wanted).map(|$one| {
    LET $found = (
        SELECT *, record::id(id) AS id FROM ONLY type::record('conversation', $one.conversation)
        WHERE owner IN $one.readers OR members.user_id ANYINSIDE $one.readers
    );
    IF $found = NONE { RETURN NONE };
    LET $newest = IF $found.finalized_at = NONE { $found.seq } ELSE { $found.seq - 1 };
    LET $last = IF $one.after = NULL { math::min([$one.before ?? $newest + 1, $newest + 1]) - 1 }
        ELSE { math::min([$one.after + $one.limit, $newest]) };
    LET $first = IF $one.after = NULL { $last - $one.limit + 1 } ELSE { $one.after + 1 };
    LET $rows = (SELECT * FROM message:[$found.id, $first]..=[$found.id, $last]);
    LET $text = encoding::json::encode($rows);
    IF string::len($text) <= $one.most { RETURN [encoding::json::encode($found), $text] };
    LET $nearest = IF $one.after = NULL { array::reverse($rows) } ELSE { $rows };
    LET $fitting = array::fold($nearest, { count: 0, size: 0 }, |$seen, $row| {
        LET $size = $seen.size + string::len($row.content) + string::len($row.metadata);
        RETURN { count: IF $size > $one.most { $seen.count } ELSE { $seen.count + 1 }, size: $size };
    });
    LET $cut = array::slice($nearest, 0, math::max([$fitting.count, 1]));
    RETURN [
        encoding::json::encode($found),
        encoding::json::encode(IF $one.after = NULL { array::reverse($cut) } ELSE { $cut })
    ];
})"""

ENTRIES = """{
    LET $ids = (SELECT VALUE type::record('message', key) FROM encoding::json::decode($numbers));
    LET $logs = (SELECT VALUE type::record('conversation', log) FROM encoding::json::decode($logs));
    RETURN encoding::json::encode({
        messages: array::concat(
            (SELECT * FROM $ids),
            array::flatten(encoding::json::decode($ranges).map(|$one| {
                RETURN (SELECT * FROM message:[$one[0], $one[1]]..=[$one[0], $one[2]]);
            }))
        ),
        finalized: (SELECT record::id(id) AS id, seq, finalized_at FROM $logs WHERE finalized_at != NONE),
    });
}"""

# Reads up to $active active conversations of a list by their recorded keys, up to $finalized
# finalized ones, and those that may belong before the last active one because their activity is
# newer than their record (LISTING_WINDOW_MS). `$after` is a key. The indexes give the
# rows in order and stop at the limit, or at the range's end. Seen in 3.2.4: a scan of record ids
# reads its whole range whatever the limit, so does any scan inside a closure or an IF, and an
# index of several fields knows only one end of a range.
LISTING = """{
    LET $listed = (
        SELECT place, conversation FROM participation
        WHERE user = $user AND status = 'active' AND place > $after
        ORDER BY place LIMIT $active
    );
    LET $closed = (
        SELECT VALUE conversation FROM participation
        WHERE user = $user AND status = 'finalized' AND place > $after
        ORDER BY place LIMIT $finalized
    );
    LET $last = IF $active = 0 OR array::len($listed) < $active { NONE } ELSE { array::last($listed).place };
    LET $mine = <string>string::len($user) + ':' + $user + ':';
    LET $from = $mine + ($last ?? '~');
    LET $horizon = <string>(<int>string::slice($last ?? '0', 0, $digits) + $window);
    LET $until = $mine + IF $last = NONE { '' } ELSE { $horizon };
    LET $busy = (SELECT VALUE conversation FROM participation WHERE talk > $from AND talk < $until);
    LET $ids = array::concat($listed.conversation, $closed, $busy);
    RETURN [encoding::json::encode((SELECT *, record::id(id) AS id FROM $ids)), $last];
}"""

# A conversation with this id can only come from an earlier try of the same call. Each new key deletes
# up to four that have expired, so they are deleted faster than they are created.
CREATE = """{
    LET $kept = IF $key = NONE { NONE } ELSE { (SELECT * FROM ONLY created:[$owner, $key]) };
    LET $id = IF $kept != NONE AND $kept.at > $horizon { $kept.conversation } ELSE { $conversation };
    LET $earlier = (SELECT *, record::id(id) AS id FROM ONLY $id);
    IF $earlier != NONE { RETURN encoding::json::encode($earlier) };
    CREATE ONLY $conversation CONTENT $content RETURN NONE;
    FOR $user IN $participants {
        CREATE ONLY participation:[$user, record::id($conversation)] SET
            user = $user, conversation = $conversation, status = 'active', place = $place
            RETURN NONE;
    };
    IF $key != NONE {
        UPSERT ONLY created:[$owner, $key] SET conversation = $conversation, at = $now RETURN NONE;
        DELETE (SELECT VALUE id FROM created WHERE at <= $horizon ORDER BY at LIMIT 4) RETURN NONE;
    };
    RETURN encoding::json::encode((SELECT *, record::id(id) AS id FROM ONLY $conversation));
}"""

# Stores a batch of drafts. If one of them cannot be stored, none is, and the answer says which logs
# are open or closed and which drafts were stored before (`group_commit.py`). Messages get their
# numbers and times here and nowhere else: times never run backwards along a log, and its last message
# and its conversation have the same. A conversation's key in the lists of its participants is updated
# once it is $window ms old: that costs more than all the rest together, once for each participant. A
# SELECT over an array costs half of what a closure does [3.2.4].
APPEND = """{
    LET $batch = encoding::json::decode($batch);
    LET $ids = (SELECT VALUE type::record('conversation', log) FROM $batch.logs);
    LET $heads = (SELECT id, seq, updated_at, finalized_at, listed_at FROM $ids);
    LET $keys = (SELECT VALUE type::record('sent', key) FROM $batch.drafts WHERE key != NULL);
    LET $sent = IF $keys = [] { [] } ELSE { (SELECT * FROM $keys) };
    IF $sent != [] OR array::len($heads) < array::len($ids) OR array::any($heads.finalized_at) {
        LET $first = $sent.map(|$one| type::record('message', [record::id($one.id)[0], $one.seq]));
        RETURN encoding::json::encode({
            open: (SELECT VALUE record::id(id) FROM $heads WHERE finalized_at = NONE),
            closed: (SELECT VALUE record::id(id) FROM $heads WHERE finalized_at != NONE),
            sent: (SELECT VALUE [record::id(id), attempt, seq] FROM $sent),
            messages: (SELECT * FROM $first),
        });
    };
    LET $before = object::from_entries((
        SELECT VALUE [record::id(id), { seq: seq, at: time::millis(updated_at) }] FROM $heads
    ));
    LET $numbered = (
        SELECT *, $before[log].seq + number AS seq, math::max([at, $before[log].at]) AS at FROM $batch.drafts
    );
    INSERT INTO message (
        SELECT VALUE object::extend(content, { id: [log, seq], created_at: time::from_millis(at) })
        FROM $numbered
    ) RETURN NONE;
    IF $keys != [] {
        INSERT INTO sent (
            SELECT VALUE { id: key, seq: seq, attempt: attempt } FROM $numbered WHERE key != NULL
        ) RETURN NONE;
    };
    LET $added = object::from_entries((SELECT VALUE [log, { count: count, at: at }] FROM $batch.logs));
    FOR $head IN $heads {
        LET $id = record::id($head.id);
        LET $ms = math::max([$added[$id].at, $before[$id].at]);
        LET $at = time::from_millis($ms);
        LET $seq = $head.seq + $added[$id].count;
        IF $head.listed_at != NONE AND $ms < time::millis($head.listed_at) + $window {
            UPDATE ONLY $head.id SET seq = $seq, updated_at = $at RETURN NONE;
        } ELSE {
            LET $grown = (UPDATE ONLY $head.id SET seq = $seq, updated_at = $at, listed_at = $at);
            LET $place = <string>($end_of_time - $ms) + $id;
            FOR $user IN array::concat([$grown.owner], $grown.members.user_id) {
                UPDATE ONLY type::record('participation', [$user, $id])
                    SET place = $place, talk = <string>string::len($user) + ':' + $user + ':' + $place
                    RETURN NONE;
            };
        };
    };
    RETURN encoding::json::encode((SELECT VALUE [seq, at] FROM $numbered));
}"""

FINALIZE = """{
    LET $found = (SELECT * FROM ONLY $conversation);
    IF $found = NONE { RETURN NONE };
    LET $id = record::id($conversation);
    IF $found.finalized_at = NONE {
        LET $at = IF $found.updated_at > $now { $found.updated_at } ELSE { $now };
        LET $place = <string>($end_of_time - time::millis($at)) + $id;
        FOR $user IN array::concat([$found.owner], $found.members.user_id) {
            UPDATE ONLY participation:[$user, $id]
                SET status = 'finalized', place = $place, talk = NONE RETURN NONE;
        };
        UPDATE ONLY $conversation SET
            seq = $found.seq + 1, updated_at = $at, finalized_at = $at, finalized_by = $attempt RETURN NONE;
    };
    RETURN encoding::json::encode((SELECT *, record::id(id) AS id FROM ONLY $conversation));
}"""

import assert from "node:assert/strict";
import { test } from "node:test";

import { EMPTY, timeline } from "@confab/client";

const message = (seq, version = seq, more = {}) => ({
  ...{ kind: "message", seq, version, author: "bo", content: `v${version}`, metadata: {}, clientMessageId: `k${seq}`, deletedAt: null },
  ...more,
});
const changed = (seq, state) => ({ kind: "message_changed", seq, message: state });
const conversation = (seq, more = {}) => ({ id: "c", seq, erasures: 0, status: "active", updatedAt: `${seq}`, ...more });
const renamed = (seq, state) => ({ kind: "conversation_changed", seq, conversation: state, changes: { title: true } });
const reduce = (events, start = EMPTY) => events.reduce(timeline, start);
const live = (...entries) => ({ type: "entries", entries });
const shuffled = (items) => items.map((item) => [Math.random(), item]).sort(([a], [b]) => a - b).map(([, item]) => item);
const states = ({ entries }) => entries.map(({ seq, version }) => [seq, version]);

test("however events are shuffled and repeated, each number is there once, in order and in its latest state", () => {
  const events = [
    live(message(1), message(2)),
    live(changed(3, message(1, 3))),
    live(changed(4, message(2, 4)), changed(5, message(1, 5))),
    { type: "message", message: message(2, 4) },
    live({ kind: "a_later_kind", seq: 6 }, renamed(7, conversation(7)), renamed(8, null)),
    { type: "conversation", conversation: conversation(2) },
    { type: "older", entries: [message(1), message(2)], from: 1 },
  ];
  const expected = reduce(events);
  assert.deepEqual(states(expected), [[1, 5], [2, 4], [7, undefined], [8, undefined]]);
  assert.deepEqual([expected.seen, expected.from, expected.conversation.seq, expected.apart.size], [8, 1, 7, 0]);
  for (let round = 0; round < 200; round += 1) assert.deepEqual(reduce(shuffled([...events, ...events])), expected);
});

test("what is no news leaves the same object", () => {
  const events = [live(message(1)), { type: "conversation", conversation: conversation(1) }, { type: "erased", erased: { seqs: [1] } }];
  const state = reduce(events);
  for (const event of [...events, { type: "message", message: message(1) }]) assert.equal(timeline(state, event), state);
  assert.equal(reduce([{ type: "reset" }], state).entries.length, 0);
});

test("a state that comes before its page waits for it; a message that is not shown stays so", () => {
  const early = reduce([live(message(9)), live(changed(10, message(2, 10)))]);
  assert.deepEqual(states(early), [[9, 9]]);
  const joined = timeline(early, { type: "older", entries: [message(1), message(2)], from: 1 });
  assert.deepEqual(states(joined), [[1, 1], [2, 10], [9, 9]]);
});

test("an erased message has no words and no author, also on a page that comes later, and wins over any version", () => {
  const state = reduce([live(message(1), message(2, 8, { deletedAt: "then" })), { type: "erased", erased: { seqs: [1, 2, 3] } }]);
  const later = reduce([live(message(3), changed(12, message(1, 12)), changed(13, message(2, 13, { author: "" })))], state);
  assert.deepEqual(
    later.entries.map(({ author, content, metadata, clientMessageId }) => [author, content, metadata, clientMessageId]),
    Array(3).fill(["", "", {}, null]),
  );
  assert.equal(later.entries[1].deletedAt, "then");
});

test("the end closes the conversation", () => {
  const { conversation: closed, entries } = reduce([
    { type: "conversation", conversation: conversation(1) },
    live({ kind: "finalized", seq: 2, finalizedAt: "then" }),
  ]);
  assert.deepEqual([closed.status, closed.seq, closed.finalizedAt, entries.length], ["finalized", 2, "then", 1]);
});

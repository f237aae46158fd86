import assert from "node:assert/strict";
import { test } from "node:test";

import { Messages } from "../../../public/confab/messages.js";

const message = (version, more = {}) => ({ seq: 1, version, author: "bo", content: `v${version}`, ...more });
const shuffled = (items) => items.map((item) => [Math.random(), item]).sort(([a], [b]) => a - b);

test("states end in the latest one, however they are shuffled and repeated", () => {
  const states = [message(1), message(4), message(9), message(4)];
  for (let round = 0; round < 50; round += 1) {
    const messages = new Messages();
    const news = shuffled(states).map(([, state]) => messages.take(state)).filter(Boolean);
    assert.deepEqual(messages.get(1), message(9));
    assert.deepEqual(news.map(({ version }) => version), [...new Set(news.map(({ version }) => version))].sort());
  }
});

test("a message without an author wins over any version", () => {
  const messages = new Messages();
  assert.deepEqual(messages.take(message(9)), message(9));
  assert.equal(messages.take(message(3, { author: "" })).author, "");
  for (const late of [message(12), message(12, { author: "" })]) assert.equal(messages.take(late), null);
});

test("what is erased has no words and no author, also on a page that comes later", () => {
  const messages = new Messages();
  messages.take(message(1));
  messages.take(message(8, { seq: 2, deletedAt: "then" }));
  const gone = messages.erase([1, 2, 3]);
  assert.deepEqual(gone.map(({ seq, author, content }) => [seq, author, content]), [[1, "", ""], [2, "", ""]]);
  assert.equal(gone[1].deletedAt, "then");
  assert.ok(messages.take(message(3, { seq: 3, metadata: { name: "Bo" }, clientMessageId: "k" })).deletedAt);
  const { author, content, metadata, clientMessageId } = messages.get(3);
  assert.deepEqual([author, content, metadata, clientMessageId], ["", "", {}, null]);
  assert.deepEqual(messages.erase([1]), []);
  messages.clear();
  assert.deepEqual(messages.take(message(1)), message(1));
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { fill, until } from "./support/opened.mjs";
import { problem, RoomServer } from "./support/room-server.mjs";
import { Confab } from "@confab/client";

/** A conversation of `count` messages that a view follows, and what the view was asked to show. */
async function followed(t, { count = 0, setUp = () => undefined, userId } = {}) {
  const server = await RoomServer.start(t);
  fill(server, count);
  const asked = [];
  const rest = server.rest();
  const fetch = async (url, request) => {
    asked.push(`${request.method} ${url}`);
    return await (setUp(url) ?? rest(url, request));
  };
  const confab = new Confab({ getToken: async () => "old", fetch, userId, storage: async () => Promise.reject(new Error("none")) });
  const live = confab.follow("c");
  t.after(() => confab.close());
  const seqs = () => live.state.entries.map(({ seq }) => seq);
  return { server, confab, live, asked, seqs };
}

const upTo = (last, first = 1) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

test("a view loads the newest page, then is live; older pages join in, read once however often they are asked for", async (t) => {
  const { server, live, asked, seqs } = await followed(t, { count: 120 });
  await until(() => live.state.status === "live");
  assert.deepEqual([seqs(), live.state.hasOlder, live.state.loadingOlder], [upTo(120, 71), true, false]);
  asked.length = 0;
  const clicks = [live.loadOlder(), live.loadOlder()];
  assert.equal(live.state.loadingOlder, true);
  fill(server, 1);
  await Promise.all(clicks);
  await until(() => seqs().at(-1) === 121);
  assert.deepEqual([seqs(), asked.length, new Set(asked).size], [upTo(121, 21), 17, 17]); // pages of 3
  await live.loadOlder();
  await live.loadOlder();
  assert.deepEqual([seqs(), live.state.hasOlder], [upTo(121), false]);
});

test("what is written shows as unsent until the log brings it, also when the view is opened again", async (t) => {
  const { server, confab, live } = await followed(t, { userId: "bo" });
  await until(() => live.state.status === "live");
  server.swallow();
  const stored = live.send("hi", { clientMessageId: "k" });
  await until(() => live.state.unsent[0]?.state === "sending");
  live.close();
  const again = confab.follow("c");
  assert.notEqual(again, live);
  await until(() => again.state.unsent.length === 1);
  assert.equal((await stored).seq, 1);
  server.cut(); // the room was swallowed with the rest
  await until(() => again.state.entries.length === 1);
  assert.deepEqual([again.state.unsent, confab.outbox.items("c")], [[], []]);
});

test("a message that can never be stored stays, with the reason, until it is given up", async (t) => {
  const { server, confab, live } = await followed(t);
  await until(() => live.state.status === "live");
  server.messageRefusals.push(problem("payload_too_large", 413));
  await assert.rejects(live.send("too long"), { code: "payload_too_large" });
  const [{ state, problem: why, clientMessageId }] = live.state.unsent;
  assert.deepEqual([state, why.detail], ["failed", "why"]);
  confab.outbox.discard(clientMessageId);
  assert.deepEqual(live.state.unsent, []);
});

test("views of one conversation share it; the last one leaves the room", async (t) => {
  const { server, confab, live } = await followed(t, { count: 1 });
  const other = confab.follow("c");
  assert.equal(other, live);
  await until(() => live.state.status === "live");
  other.close();
  fill(server, 1);
  await until(() => live.state.entries.length === 2);
  live.close();
  await until(() => server.count("leave") === 1);
  const both = [confab.follow("c"), confab.follow("c")];
  await until(() => both[0].state.status === "live");
  confab.close();
  await until(() => server.count("leave") === 2);
});

test("the state is the same object while nothing changes, and a listener that throws stops no other", async (t) => {
  const { server, live } = await followed(t, { count: 1 });
  await until(() => live.state.status === "live");
  const reported = t.mock.method(console, "error", () => undefined);
  const states = [];
  live.subscribe(() => {
    throw new Error("a view's own");
  });
  const stop = live.subscribe(() => states.push(live.state));
  server.tell("message", server.messages[0]);
  fill(server, 1);
  await until(() => live.state.entries.length === 2);
  stop();
  fill(server, 1);
  await until(() => live.state.entries.length === 3);
  assert.deepEqual([states.length, states[0].entries.length], [1, 2]);
  assert.equal(reported.mock.callCount() >= 2, true);
});

test("a start over drops what was shown, says why, and reads the newest page again", async (t) => {
  const { server, live, seqs } = await followed(t, { count: 60 });
  await until(() => live.state.status === "live");
  server.restore(55);
  server.cut();
  await until(() => live.state.restarted === "shorter" && live.state.status === "live");
  await until(() => seqs().length === 50);
  assert.deepEqual([seqs(), live.state.hasOlder], [upTo(55, 6), true]);
});

test("edits and deletions show at once; changes of the conversation, too", async (t) => {
  const { server, live } = await followed(t, { count: 1 });
  await until(() => live.state.status === "live");
  const state = { ...server.messages[0], version: 2, content: "edited" };
  server.log("message_changed", { message: state });
  server.log("conversation_changed", { conversation: { ...server.conversation, title: "New", seq: 3 }, changes: { title: true } });
  await until(() => live.state.entries.length === 2);
  assert.deepEqual([live.state.entries[0].content, live.state.conversation.title], ["edited", "New"]);
});

test("a first read that fails for a while says why and goes on; one that may not be is over", async (t) => {
  let failing = true;
  const unavailable = () => new Response("", { status: 503 });
  const { live } = await followed(t, { setUp: () => (failing ? unavailable() : undefined) });
  await until(() => live.state.problem?.code === "unavailable", "to say why", 20_000);
  assert.equal(live.state.status, "loading");
  failing = false;
  await until(() => live.state.status === "live", "to be live", 20_000);
  assert.equal(live.state.problem, null);
  const json = { status: 404, headers: { "Content-Type": "application/problem+json" } };
  const { live: stranger } = await followed(t, { setUp: () => new Response(JSON.stringify(problem("not_found", 404)), json) });
  await until(() => stranger.state.ended);
  assert.deepEqual([stranger.state.status, stranger.state.ended.error.code], ["closed", "not_found"]);
});

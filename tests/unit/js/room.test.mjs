import assert from "node:assert/strict";
import { test } from "node:test";

import { Confab } from "@confab/client";
import { SPEED } from "./support/clock.mjs";
import { fill, opened, until, upTo } from "./support/opened.mjs";
import { problem, RoomServer } from "./support/room-server.mjs";

test("a join pages from the last number seen until it is live, and goes on without a break", async (t) => {
  const server = await RoomServer.start(t);
  fill(server, 8);
  const { told } = await opened(t, server, { after: 0 });
  assert.deepEqual(server.heard.filter(([event]) => event === "join").map(([, { after }]) => after), [0, 3, 6]);
  fill(server, 2);
  await until(() => told.entries.length === 10);
  assert.deepEqual(told.entries, upTo(10));
  assert.deepEqual(told.states, ["joining", "live"]);
});

test("without a number the newest page comes first, and says that there are older ones", async (t) => {
  const server = await RoomServer.start(t);
  fill(server, 5);
  const { told } = await opened(t, server);
  assert.deepEqual(told.entries, upTo(5).slice(2));
  assert.equal(told.joined[0].hasMore, true);
  fill(server, 1);
  await until(() => told.entries.length === 4);
});

test("an empty conversation and a finalized one can be joined without a number", async (t) => {
  const server = await RoomServer.start(t);
  const first = await opened(t, server);
  server.finalize();
  await until(() => first.told.entries.length === 1);
  assert.deepEqual(first.told.entries, [[1, "finalized"]]);
  const second = await opened(t, server);
  assert.deepEqual(second.told.entries, [[1, "finalized"]]);
});

test("what is repeated or reordered on the way is told once and in order; a hole is read again", async (t) => {
  const server = await RoomServer.start(t);
  const { told } = await opened(t, server, { after: 0 });
  fill(server, 3, { tell: false });
  const [first, second, third] = server.messages;
  for (const message of [second, first, first]) server.tell("message", message);
  server.tell("message", third);
  await until(() => told.entries.length === 3);
  fill(server, 2, { tell: false });
  server.tell("message", server.messages[4]);
  await until(() => told.entries.length === 5);
  assert.deepEqual(told.entries, upTo(5));
});

test("a resync, also during a join, is followed by a join from the last number seen", async (t) => {
  const server = await RoomServer.start(t);
  const { told } = await opened(t, server, { after: 0 });
  fill(server, 2);
  await until(() => told.entries.length === 2);
  server.tell("resync", { conversationId: "c", after: 2 });
  server.forget();
  fill(server, 5);
  await until(() => told.entries.length === 7);
  server.beforeJoin = () => {
    server.tell("resync", { conversationId: "c", after: 7 });
    server.forget();
  };
  server.tell("resync", { conversationId: "c", after: 7 });
  await until(() => server.beforeJoin === null);
  fill(server, 1);
  await until(() => told.entries.length === 8);
  assert.deepEqual(told.entries, upTo(8));
});

test("why a room cannot be joined is told after the third try, and that it no longer is so", async (t) => {
  const server = await RoomServer.start(t);
  server.joinRefusals.push(...Array(3).fill(problem("unavailable", 503)));
  const { told } = await opened(t, server, { after: 0 });
  assert.deepEqual(told.trouble, [["unavailable", "why"], null]);
  assert.deepEqual(told.states, ["joining", "live"]);
});

test("messages are stored in the order of the calls, though the first is turned away for a while", async (t) => {
  const server = await RoomServer.start(t);
  const { room, told } = await opened(t, server, { after: 0 });
  server.messageRefusals.push(...Array(4).fill(problem("unavailable", 503)));
  await Promise.all(["m1", "m2", "m3", "m4"].map((content) => room.send(content)));
  await until(() => told.entries.length === 4);
  assert.deepEqual(told.entries, upTo(4));
});

test("a message whose acknowledgement got lost is stored and told once", async (t) => {
  const server = await RoomServer.start(t);
  const { room, told } = await opened(t, server, { after: 0 });
  server.losesAckOf.add("message");
  const sent = room.send("m1", { role: "user" });
  await until(() => server.count("message") === 1);
  server.losesAckOf.clear();
  assert.equal((await sent).seq, 1);
  assert.equal(server.messages.length, 1);
  await until(() => told.entries.length === 1 && room.state === "live");
  assert.deepEqual(told.entries, upTo(1));
});

test("without a connection, messages go over REST and entries are read over REST", async (t) => {
  const server = await RoomServer.start(t);
  const { room, told } = await opened(t, server, { after: 0, fetch: server.rest() });
  server.accepts = false;
  server.cut();
  await Promise.all(["m1", "m2", "m3"].map((content) => room.send(content)));
  fill(server, 5);
  await until(() => told.entries.length === 8, "to read", 20_000);
  assert.deepEqual(told.entries, upTo(8));
  assert.equal(room.state, "reconnecting");
  server.accepts = true;
  await until(() => room.state === "live", "to be live", 20_000);
  fill(server, 1);
  await until(() => told.entries.length === 9);
});

test("a socket that acknowledges no message is gone around", async (t) => {
  const server = await RoomServer.start(t);
  const { room } = await opened(t, server, { after: 0, fetch: server.rest() });
  server.ignores.add("message");
  const sent = await Promise.all(["m1", "m2"].map((content) => room.send(content)));
  assert.deepEqual([sent.map(({ seq }) => seq), server.messages.length], [[1, 2], 2]);
});

test("messages are on their way together: 200 at 150 ms to the server take no 30 s", async (t) => {
  const server = await RoomServer.start(t, { delayMs: 75 });
  const { room, told } = await opened(t, server, { after: 0 });
  const start = performance.now();
  await Promise.all(upTo(200).map(([, content]) => room.send(content)));
  assert.ok((performance.now() - start) / SPEED < 10_000);
  await until(() => told.entries.length === 200);
  assert.deepEqual(told.entries, upTo(200));
});

test("a refused message is not sent a second way", async (t) => {
  const server = await RoomServer.start(t);
  const fetch = () => assert.fail("nothing goes over REST");
  const { room } = await opened(t, server, { after: 0, fetch });
  server.messageRefusals.push(problem("conversation_finalized", 409));
  await assert.rejects(room.send("late"), { code: "conversation_finalized" });
});

test("a message above the rate waits as long as it was asked to, and does not go around it over REST", async (t) => {
  const server = await RoomServer.start(t);
  const fetch = () => assert.fail("nothing goes over REST");
  const { room, told } = await opened(t, server, { after: 0, fetch });
  server.messageRefusals.push({ ...problem("rate_limited", 429), retryAfter: 2 });
  const start = performance.now();
  await room.send("m1");
  assert.ok(performance.now() - start >= 2_000);
  await until(() => told.entries.length === 1);
});

test("what can never be stored fails alone: those after it are stored", async (t) => {
  const server = await RoomServer.start(t);
  const { room, confab } = await opened(t, server, { after: 0 });
  server.messageRefusals.push(problem("payload_too_large", 413));
  const sent = await Promise.allSettled(["too long", "m1"].map((content) => room.send(content)));
  assert.deepEqual(sent.map(({ reason, value }) => reason?.code ?? value.content), ["payload_too_large", "m1"]);
  const [{ state, content, problem: why, clientMessageId }, ...others] = confab.outbox.items("c");
  assert.deepEqual([state, content, why.code, others], ["failed", "too long", "payload_too_large", []]);
  confab.outbox.retry(clientMessageId);
  await until(() => server.messages.length === 2);
});

test("one message too many is refused as retryable", async (t) => {
  const server = await RoomServer.start(t);
  const { room, told } = await opened(t, server, { after: 0 });
  const sent = upTo(500).map(([, content]) => room.send(content));
  await assert.rejects(room.send("m501", { clientMessageId: "k" }), { code: "busy", retryable: true });
  await Promise.all(sent);
  await room.send("m501", { clientMessageId: "k" });
  await until(() => told.entries.length === 501);
  assert.deepEqual(told.entries, upTo(501));
});

test("a message whose id is null gets one of its own", async (t) => {
  const server = await RoomServer.start(t);
  const { room } = await opened(t, server, { after: 0 });
  await room.send("m1", { role: null, clientMessageId: null, metadata: null });
  const [, payload] = server.heard.at(-1);
  assert.deepEqual(Object.keys(payload).toSorted(), ["clientMessageId", "content", "conversationId"]);
  assert.match(payload.clientMessageId, /.{20}/);
});

test("who types is told until their message comes or the connection is lost", async (t) => {
  const server = await RoomServer.start(t);
  const { room, told } = await opened(t, server, { after: 0 });
  const typing = { conversationId: "c", userId: "bo", typing: true };
  server.tell("typing", typing);
  await until(() => told.typing.length === 1);
  fill(server, 1);
  await until(() => told.typing.length === 2);
  server.tell("typing", typing);
  await until(() => told.typing.length === 3);
  server.cut();
  await until(() => told.typing.length === 4);
  assert.deepEqual(told.typing, [["bo"], [], ["bo"], []]);
  await until(() => room.state === "live");
  room.typing();
  await until(() => server.count("typing") === 1);
});

test("a handler that throws does not stop the others, also in Node, which has no reportError", async (t) => {
  const server = await RoomServer.start(t);
  fill(server, 2);
  for (const browser of [true, false]) {
    const seen = [];
    const reported = [];
    if (browser) globalThis.reportError = (error) => reported.push(error.message);
    else delete globalThis.reportError;
    t.mock.method(console, "error", (error) => reported.push(error.message));
    const confab = new Confab({ getToken: async () => "old" });
    const onMessage = ({ seq }) => {
      seen.push(seq);
      if (seq === 1) throw new Error("a handler's own");
    };
    const room = await confab.open("c", { onMessage }, { after: 0, realtimeUrl: server.url });
    t.after(() => room.close());
    await until(() => seen.length === 2 && room.state === "live");
    assert.deepEqual(reported, ["a handler's own"]);
  }
});

test("entries of every kind come once and in order, and an unknown kind counts as seen", async (t) => {
  const server = await RoomServer.start(t);
  const write = () => {
    fill(server, 1);
    server.log("message_changed", { message: null });
    server.log("a_later_kind", {});
    server.log("conversation_changed", { changes: { title: true } });
  };
  write();
  const { told } = await opened(t, server, { after: 0 });
  write();
  server.tell("read", { conversationId: "c", seq: 9, userId: "bo" }); // has a number and is no entry
  server.finalize();
  await until(() => told.entries.length === 7);
  const written = (seq) => [
    [seq, `m${seq}`],
    [seq + 1, "message_changed", null],
    [seq + 3, "conversation_changed", { title: true }],
  ];
  assert.deepEqual(told.entries, [...written(1), ...written(5), [9, "finalized"]]);
  assert.equal(server.count("join"), 2); // the first page was full: nothing was missed since
});

test("without a number, the log goes on after the changes that follow the newest message", async (t) => {
  const server = await RoomServer.start(t);
  fill(server, 1);
  server.log("message_changed", { message: null });
  const { told } = await opened(t, server);
  fill(server, 1);
  await until(() => told.entries.length === 2);
  assert.deepEqual(told.entries, [[1, "m1"], [3, "m3"]]);
});

test("a log that is shorter than what was seen of it starts over, and says so", async (t) => {
  const server = await RoomServer.start(t);
  fill(server, 5);
  const { told } = await opened(t, server, { after: 5 });
  server.restore(2);
  server.cut();
  await until(() => told.entries.length === 3);
  fill(server, 1);
  await until(() => told.entries.length === 4);
  assert.deepEqual(told.entries, ["shorter", ...upTo(3)]);
});

test("erasures that were seen are told; after any that were not, the newest page is read again", async (t) => {
  const server = await RoomServer.start(t);
  fill(server, 5);
  server.conversation.erasures = 3;
  const erased = (erasures) => {
    server.conversation.erasures = erasures;
    server.tell("erased", { conversationId: "c", erasures, seqs: [2, 4] });
  };
  const newest = upTo(5).slice(2);
  const { told } = await opened(t, server, { after: 5, erasures: 2 });
  assert.deepEqual(told.entries.splice(0), ["erased", ...newest]);
  for (const erasures of [4, 4]) {
    erased(erasures);
    await until(() => told.entries.length === 1);
    assert.deepEqual(told.entries.splice(0), [["erased", 2, 4]]);
  }
  for (const erasures of [6, 1]) {
    erased(erasures);
    await until(() => told.entries.length === 4);
    assert.deepEqual(told.entries.splice(0), ["erased", ...newest]);
  }
  for (const [count, erasures] of [[500, 2], [499, 2], [500, 3]]) { // the last one's second part gets lost
    server.conversation.erasures = erasures;
    server.tell("erased", { conversationId: "c", erasures, seqs: Array(count).fill(7) });
    await until(() => told.entries.length === 1);
    assert.equal(told.entries.pop().length, count + 1);
  }
  server.cut();
  await until(() => told.entries.length === 4);
  assert.deepEqual(told.entries, ["erased", ...newest]);
});

test("a reset during a join drops its page", async (t) => {
  const server = await RoomServer.start(t);
  const { told } = await opened(t, server, { after: 0 });
  server.beforeJoin = () => {
    server.conversation.erasures = 2;
    server.tell("erased", { conversationId: "c", erasures: 2, seqs: [] });
    fill(server, 1, { tell: false });
  };
  server.tell("resync", { conversationId: "c", after: 0 });
  await until(() => told.joined.length === 2);
  assert.deepEqual(told.entries, ["erased", [1, "m1"]]);
});

test("a room that its user may not stay in is over, and says why", async (t) => {
  const server = await RoomServer.start(t);
  for (const reason of ["removed", "deleted"]) {
    const { room, told } = await opened(t, server, { after: 0 });
    const joins = server.count("join");
    server.log("conversation_changed", { changes: { removed: ["me"] } }, { tell: reason === "removed" });
    server.tell("left", { conversationId: "c", reason });
    await until(() => room.state === "closed");
    fill(server, 1, { tell: true });
    await assert.rejects(room.send("hi"), { code: "closed" });
    await until(() => server.clients.size === 0, "to be disconnected");
    assert.deepEqual([told.entries.at(-1), told.errors], [["left", reason], []]);
    assert.equal(server.count("join"), joins);
  }
});

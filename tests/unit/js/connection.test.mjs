import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { SPEED } from "./support/clock.mjs";
import { fill, opened, until, upTo } from "./support/opened.mjs";
import { problem, RoomServer } from "./support/room-server.mjs";

const listening = [];
globalThis.addEventListener = (event, listener) => event === "online" && listening.push(listener); // as browsers have it
globalThis.removeEventListener = () => undefined;
const PATIENCE_MS = 20_000; // some tries later, the next one is up to 10 s away

/** What happens when the network is back. */
function wakes(t) {
  t.after(() => (listening.length = 0));
  return () => listening.forEach((woke) => woke());
}

test("after a cut it comes back by itself and misses nothing, not even the finalization", async (t) => {
  const server = await RoomServer.start(t);
  const { room, told } = await opened(t, server, { after: 0 });
  fill(server, 1);
  await until(() => told.entries.length === 1);
  server.cut();
  await until(() => room.state === "reconnecting");
  fill(server, 6);
  server.finalize();
  await until(() => told.entries.length === 8);
  assert.deepEqual(told.entries, [...upTo(7), [8, "finalized"]]);
  assert.deepEqual(told.states, ["joining", "live", "reconnecting", "joining", "live"]);
});

test("a planned close is followed at the time that the server named", async (t) => {
  const server = await RoomServer.start(t);
  const { told } = await opened(t, server, { after: 0 });
  const start = performance.now();
  server.tell("going_away", { reason: "shutdown", reconnectAfterMs: 400 });
  server.cut();
  await until(() => server.count("connect") === 2);
  assert.ok(performance.now() - start >= 390);
  await until(() => told.states.at(-1) === "live");
  server.tell("going_away", { reason: "shutdown", reconnectAfterMs: 50 });
  await until(() => server.count("connect") === 3);
  fill(server, 1);
  await until(() => told.entries.length === 1);
});

test("a join that is never acknowledged waits while anything comes, and then on another connection", async (t) => {
  const server = await RoomServer.start(t);
  const { room, told } = await opened(t, server, { after: 0 });
  fill(server, 1);
  await until(() => told.entries.length === 1);
  t.mock.timers.enable({ apis: ["setTimeout"] }); // the sockets' own timers are real ones
  server.ignores.add("join");
  server.tell("resync", { conversationId: "c", after: 1 });
  await until(() => server.count("join") === 2);
  t.mock.timers.tick(59_000);
  fill(server, 1);
  await until(() => told.entries.length === 2);
  t.mock.timers.tick(59_000);
  assert.equal(room.state, "joining");
  server.ignores.delete("join");
  t.mock.timers.tick(1_000);
  assert.equal(room.state, "reconnecting");
  await until(() => {
    t.mock.timers.tick(10);
    return room.state === "live";
  });
  assert.deepEqual([server.count("join"), server.count("connect")], [3, 2]);
});

test("a token that ran out is replaced by a new one", async (t) => {
  const server = await RoomServer.start(t);
  await opened(t, server, { after: 0 });
  server.tell("auth_expired", {});
  await pause(50);
  server.cut();
  await until(() => server.count("connect") === 2);
  const tokens = server.heard.filter(([event]) => event === "connect").map(([, auth]) => auth.token);
  assert.deepEqual(tokens, ["old", "new"]);
});

test("a refused token is renewed, and tried again later: what is refused for seconds closes no room", async (t) => {
  const server = await RoomServer.start(t);
  server.refusals.push(problem("token_expired", 401));
  const { room } = await opened(t, server, { after: 0 });
  assert.equal(room.state, "live");
  server.refusals.push(problem("token_expired", 401), ...Array(3).fill(problem("unauthenticated", 401)));
  server.heard.length = 0;
  const { told } = await opened(t, server, { after: 0, fetch: server.rest(), patienceMs: PATIENCE_MS });
  const tokens = server.heard.filter(([event]) => event === "connect").map(([, auth]) => auth.token);
  assert.deepEqual(tokens, ["old", "new", "new", "new", "new"]);
  assert.deepEqual(told.trouble, [["unauthenticated", "why"], null]);
  assert.deepEqual(told.errors, []);
});

test("a server that is unavailable is tried again", async (t) => {
  const server = await RoomServer.start(t);
  server.refusals.push(problem("unavailable", 503), problem("rate_limited", 429));
  await opened(t, server, { after: 0 });
  assert.equal(server.count("connect"), 3);
});

test("why a connection fails is told after the third try, and that it no longer does", async (t) => {
  const server = await RoomServer.start(t);
  const { told, room, confab } = await opened(t, server, { after: 0 });
  server.refusals.push(...Array(2).fill(problem("unavailable", 503)));
  server.cut();
  await until(() => told.trouble.length === 2, "to be told", PATIENCE_MS);
  assert.deepEqual(told.trouble, [["unavailable", "why"], null]);
  assert.equal(room.state, "live");
  server.accepts = false;
  server.cut();
  const why = `${server.url} does not serve pages of https://app.example: add it to the server's CONFAB_ALLOWED_ORIGINS.`;
  server.originAllowed = false;
  globalThis.location = { origin: "https://app.example" }; // as browsers have it
  t.after(() => delete globalThis.location);
  await until(() => told.trouble.at(-1)?.[1] === why, "to be told", PATIENCE_MS);
  const late = [];
  const other = await confab.open("d", { onProblem: (error) => late.push(error?.code) }, { realtimeUrl: server.url });
  assert.deepEqual(late, ["network"]);
  other.close();
  server.accepts = true;
  await until(() => room.state === "live", "to be live", PATIENCE_MS);
  assert.equal(told.trouble.at(-1), null);
  assert.deepEqual(told.errors, []);
});

test("one or two failures in a row are told to nobody", async (t) => {
  const server = await RoomServer.start(t);
  server.refusals.push(problem("unavailable", 503), problem("unavailable", 503));
  const { told } = await opened(t, server, { after: 0 });
  assert.deepEqual(told.trouble, []);
});

test("connections that are closed before they can be used are told, too", async (t) => {
  const server = await RoomServer.start(t);
  const { told } = await opened(t, server, { after: 0 });
  for (let cuts = 0; cuts < 2; cuts += 1) {
    server.beforeJoin = () => server.cut();
    if (cuts === 0) server.cut();
    await until(() => server.beforeJoin === null, "to join", PATIENCE_MS);
  }
  await until(() => told.trouble.length === 2, "to be told", PATIENCE_MS);
  assert.deepEqual(told.trouble, [["network", `${server.url} closes connections before they can be used.`], null]);
});

test("a token that cannot be had once closes no room", async (t) => {
  const server = await RoomServer.start(t);
  let fails = false;
  const getToken = async () => {
    if (!fails) return "old";
    fails = false;
    throw Object.assign(new Error("why"), { code: "auth/internal-error" });
  };
  const { room, told } = await opened(t, server, { after: 0, getToken });
  fails = true;
  server.cut();
  await until(() => room.state === "reconnecting");
  await until(() => room.state === "live");
  assert.equal(fails, false);
  assert.deepEqual(told.errors, []);
});

test("a token that begins in a moment is used again, without another one", async (t) => {
  const server = await RoomServer.start(t);
  server.refusals.push({ ...problem("unavailable", 503), retryAfter: 1 });
  const { told } = await opened(t, server, { after: 0 });
  assert.deepEqual(told.tokens, [false, false]);
});

test("a handshake has the App Check token beside the user's, and a forced one where it was refused", async (t) => {
  const server = await RoomServer.start(t);
  server.refusals.push(problem("unauthenticated", 401));
  await opened(t, server, { after: 0, getAppCheckToken: async (force) => (force ? "app-new" : "app-old") });
  const handshakes = server.heard.filter(([event]) => event === "connect").map(([, auth]) => auth);
  assert.deepEqual(handshakes, [
    { token: "old", appCheckToken: "app-old" },
    { token: "new", appCheckToken: "app-new" },
  ]);
});

test("a connection that died in a sleep is noticed and replaced within 3 s", async (t) => {
  const server = await RoomServer.start(t);
  const { told, room } = await opened(t, server, { after: 0 });
  const woken = wakes(t);
  await pause(3_000 / SPEED); // nothing was heard for 3 s
  woken();
  await pause(100);
  assert.deepEqual([server.count("typing"), server.count("connect"), room.state], [1, 1, "live"]); // it lives
  await pause(3_000 / SPEED);
  server.swallow();
  fill(server, 1);
  woken();
  await until(() => told.entries.length === 1, "to miss nothing", 3_000 / SPEED + 100);
  assert.equal(server.count("connect"), 2);
});

test("a connection that waits for its next try tries at once when the network is back", async (t) => {
  const server = await RoomServer.start(t);
  const { room } = await opened(t, server, { after: 0, fetch: server.rest() });
  const woken = wakes(t);
  server.accepts = false;
  server.cut();
  await pause(20_000 / SPEED);
  server.accepts = true;
  woken();
  await until(() => room.state === "live", "to be live", 500);
});

test("a user who is gone closes the rooms", async (t) => {
  const server = await RoomServer.start(t);
  let user = "old";
  const { room, told } = await opened(t, server, { after: 0, getToken: async () => user });
  user = null;
  server.cut();
  await until(() => room.state === "closed");
  assert.deepEqual(
    told.errors.map(({ code }) => code),
    ["signed_out"],
  );
});

test("a token is renewed on the socket before it ends", async (t) => {
  const server = await RoomServer.start(t);
  const exp = Math.ceil(Date.now() / 1000) + 1;
  const short = `e30.${btoa(JSON.stringify({ exp }))}.`;
  await opened(t, server, { after: 0, getToken: async (force) => (force ? "renewed" : short) });
  await until(() => server.count("auth") === 1);
  assert.deepEqual(server.heard.at(-1), ["auth", { token: "renewed" }]);
  assert.equal(server.count("connect"), 1);
});

test("a clock that is an hour off renews the token once", async (t) => {
  const server = await RoomServer.start(t);
  for (const [offS, id] of [[3_600, "ahead"], [-3_600, "behind"]]) {
    const iat = Math.floor(Date.now() / 1000) - offS;
    const jwt = `e30.${btoa(JSON.stringify({ iat, exp: iat + 3_600 }))}.`;
    const { room } = await opened(t, server, { after: 0, getToken: async () => jwt });
    await until(() => server.count("auth") >= 1, id);
    await pause(500);
    assert.equal(server.count("auth"), 1, id);
    server.heard.length = 0;
    room.close();
  }
});

test("a room that one may not see is closed and says why; the others stay", async (t) => {
  const server = await RoomServer.start(t);
  const { room, confab } = await opened(t, server, { after: 0 });
  const errors = [];
  const stranger = await confab.open("d", { onError: (error) => errors.push(error) }, { realtimeUrl: server.url });
  await until(() => stranger.state === "closed");
  assert.equal(errors[0].code, "not_found");
  assert.equal(room.state, "live");
  assert.equal(server.count("connect"), 1);
  await assert.rejects(stranger.send("hi"), { code: "closed" });
});

test("a closed room tells nothing more, and the last one takes the connection with it", async (t) => {
  const server = await RoomServer.start(t);
  const { room, told } = await opened(t, server, { after: 0 });
  room.close();
  await until(() => server.count("leave") === 1);
  fill(server, 1);
  await until(() => server.clients.size === 0);
  assert.deepEqual(told.entries, []);
  assert.equal(server.count("connect"), 1);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import "./support/clock.mjs";
import { MemoryStorage } from "@confab/client";
import { ConfabProvider, useConfab, useConversation, useConversations, useSend, useTyping } from "@confab/react";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { fill, until } from "./support/opened.mjs";
import { rendered } from "./support/rendered.mjs";
import { problem, RoomServer } from "./support/room-server.mjs";

const contents = ({ entries }) => entries.map(({ content }) => content);

test("a conversation is followed once in strict mode, for all hooks, and left when the last component goes", async (t) => {
  const server = await RoomServer.start(t);
  fill(server, 2);
  const hook = () => ({ view: useConversation("c"), typing: useTyping("c"), composer: useSend("c") });
  const { now, unmount } = await rendered(t, hook, { fetch: server.rest() });
  await until(() => now().view.status === "live");
  fill(server, 1);
  await until(() => now().view.entries.length === 3);
  assert.deepEqual(contents(now().view), ["m1", "m2", "m3"]);
  assert.equal(server.count("join"), 1);
  unmount();
  await until(() => server.clients.size === 0);
});

test("what a hook returns is the same object while nothing changes, and its functions are the same after a change", async (t) => {
  const server = await RoomServer.start(t);
  const hook = () => [useConversation("c"), useTyping("c"), useSend("c")];
  const { now, render, results } = await rendered(t, hook, { fetch: server.rest() });
  await until(() => now()[0].status === "live");
  const [before, typing, composer] = now();
  const renders = results.length;
  render();
  await until(() => results.length > renders);
  assert.equal(now()[0], before);
  fill(server, 1);
  await until(() => now()[0].entries.length === 1);
  for (const name of ["loadOlder", "edit", "delete"]) assert.equal(now()[0][name], before[name]);
  assert.equal(now()[1], typing);
  assert.equal(now()[2], composer);
});

test("another id shows nothing of the one before", async (t) => {
  const server = await RoomServer.start(t);
  fill(server, 1);
  const { now, render, results } = await rendered(t, () => useConversation("c"), { fetch: server.rest() });
  await until(() => now().entries.length === 1);
  results.length = 0;
  render(() => useConversation(null));
  await until(() => results.length > 0);
  assert.deepEqual([now().status, now().entries], ["loading", []]);
});

test("who types is told, and nothing else renders it; a draft says that its writer types", async (t) => {
  const server = await RoomServer.start(t);
  const { now, results } = await rendered(t, () => [useTyping("c"), useSend("c")], { fetch: server.rest() });
  await until(() => server.count("join") === 1);
  server.tell("typing", { conversationId: "c", userId: "bo", typing: true });
  await until(() => now()[0].userIds.length === 1);
  assert.deepEqual(now()[0].userIds, ["bo"]);
  server.tell("typing", { conversationId: "c", userId: "bo", typing: false });
  await until(() => now()[0].userIds.length === 0);
  const renders = results.length;
  now()[0].keystroke();
  await until(() => server.count("typing") === 1);
  assert.equal(results.length, renders);
  now()[1].setDraft("H");
  await until(() => now()[1].draft === "H");
  now()[1].setDraft("");
  await until(() => server.heard.some(([event, payload]) => event === "typing" && !payload.typing));
});

test("a draft outlives the component and is sent; what fails can be sent again or given up", async (t) => {
  const server = await RoomServer.start(t);
  const storage = new MemoryStorage();
  const provider = { fetch: server.rest(), storage: async () => storage };
  const hook = () => ({ view: useConversation("c"), composer: useSend("c") });
  const first = await rendered(t, hook, provider);
  await until(() => first.now().view.status === "live");
  first.now().composer.setDraft("Hel");
  await until(() => first.now().composer.draft === "Hel");
  first.unmount();

  const { now } = await rendered(t, hook, provider);
  await until(() => now().composer.draft === "Hel" && now().view.status === "live");
  now().composer.setDraft("Hello");
  assert.equal((await now().composer.send()).content, "Hello");
  assert.equal(await now().composer.send(" "), null);
  await until(() => now().composer.draft === "" && contents(now().view).includes("Hello"));

  server.messageRefusals.push(problem("forbidden", 403), problem("forbidden", 403));
  for (const content of ["one", "two"]) await assert.rejects(now().composer.send(content), { code: "forbidden" });
  await until(() => now().view.unsent.every(({ state }) => state === "failed"));
  const [one, two] = now().view.unsent;
  now().composer.retry(one.clientMessageId);
  now().composer.discard(two.clientMessageId);
  await until(() => now().view.unsent.length === 0 && contents(now().view).includes("one"));
  assert.deepEqual(server.messages.map(({ content }) => content), ["Hello", "one"]);
});

/** `fetch` of a list: `items` of which each page has two. */
function listing(items) {
  const heard = [];
  const fetch = async (url) => {
    const { searchParams } = new URL(url, "http://confab.test");
    const from = Number(searchParams.get("cursor"));
    heard.push(from);
    const page = items.slice(from, from + 2);
    return Response.json({ conversations: page, nextCursor: items.length > from + 2 ? String(from + 2) : null });
  };
  return { fetch, heard };
}

const item = (id, at) => ({ id, seq: at, erasures: 0, updatedAt: `2026-01-01T00:00:0${at}.000Z` });
const ids = ({ conversations }) => conversations.map(({ id }) => id).join("");

test("a list pages, keeps what it has over a refresh, and begins anew where something may be missing", async (t) => {
  const items = [item("d", 4), item("c", 3), item("b", 2), item("a", 1)];
  const { fetch } = listing(items);
  const { now } = await rendered(t, () => useConversations(), { fetch });
  await until(() => !now().loading);
  assert.deepEqual([ids(now()), now().hasMore], ["dc", true]);
  await Promise.all([now().loadMore(), now().loadMore()]);
  await until(() => ids(now()) === "dcba" && !now().hasMore);
  const [, , , oldest] = now().conversations;

  items.splice(0, 4, item("c", 5), item("d", 4), item("b", 2), item("a", 1));
  await now().refresh();
  await until(() => ids(now()) === "cdba");
  assert.equal(now().conversations[3], oldest);
  const { conversations } = now();
  await now().refresh();
  assert.equal(now().conversations, conversations);

  items.splice(0, 4, item("f", 8), item("e", 7), item("b", 2));
  await now().refresh();
  await until(() => ids(now()) === "fe" && now().hasMore);
});

test("a list is read again every 20 s, except while the page is hidden, and says why it could not be", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { fetch, heard } = listing([item("a", 1)]);
  let fails = false;
  const failing = async (url) => (fails ? Response.json(problem("forbidden", 403), { status: 403, headers: { "Content-Type": "application/problem+json" } }) : fetch(url));
  const { now, unmount } = await rendered(t, () => useConversations(), { fetch: failing });
  await until(() => !now().loading);
  const before = heard.length;
  t.mock.timers.tick(20_000);
  await until(() => heard.length === before + 1);
  const hidden = t.mock.getter(document, "visibilityState", () => "hidden");
  t.mock.timers.tick(60_000);
  hidden.mock.restore();
  fails = true;
  t.mock.timers.tick(20_000);
  await until(() => now().problem?.code === "forbidden");
  assert.deepEqual([heard.length, ids(now())], [before + 1, "a"]);
  fails = false;
  document.dispatchEvent(new window.Event("visibilitychange"));
  await until(() => now().problem === null);
  unmount();
  const after = heard.length;
  t.mock.timers.tick(20_000);
  assert.equal(heard.length, after);
});

test("each user has a client of their own, which never gets another one's token", async (t) => {
  const { now, render } = await rendered(t, useConfab, { fetch: async () => assert.fail("nothing is asked for") });
  await until(() => now() !== null);
  const ada = now();
  render(useConfab, { userId: "bo", getToken: async () => "bo's" });
  await until(() => now()?.userId === "bo");
  await assert.rejects(ada.list(), { code: "signed_out" });
  render(useConfab, { userId: null });
  await until(() => now() === null);
});

test("on a server everything is loading, and no client is made", () => {
  const shown = [];
  const Probe = () => void shown.push(useConfab(), useConversation("c").status, useConversations().loading, useSend("c").draft);
  const provider = { userId: "ada", getToken: () => assert.fail("no token is needed") };
  renderToString(createElement(ConfabProvider, provider, createElement(Probe)));
  assert.deepEqual(shown, [null, "loading", true, ""]);
  assert.throws(() => renderToString(createElement(Probe)), /need a <ConfabProvider>/);
});

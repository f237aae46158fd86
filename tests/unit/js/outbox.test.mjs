import "./support/virtual-time.mjs"; // before anything keeps a timer of its own

import assert from "node:assert/strict";
import { test } from "node:test";

import { ConfabError, MemoryStorage, STALE_AFTER_MS } from "@confab/client";
import { Outbox } from "../../../public/client/dist/outbox/outbox.js";
import { Device } from "./support/device.mjs";
import { forget, run } from "./support/virtual-time.mjs";

/** By hand: `RUNS=10000 SEED=1 node --test tests/unit/js/outbox.test.mjs`. */
const RUNS = Number(process.env.RUNS ?? 400);
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));

/** A generator of numbers from 0 to 1 (mulberry32). */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test(`cuts, reloads and deaths of tabs lose nothing, store nothing twice and keep the order (seed ${SEED})`, async () => {
  for (let seed = SEED; seed < SEED + RUNS; seed += 1) {
    const { log, kept, written } = await storm(seeded(seed));
    assert.deepEqual(log.toSorted(), [...kept].toSorted(), `seed ${seed}: lost or twice`);
    const ofTab = (name) => log.filter((content) => content.startsWith(`${name}:`));
    for (const name of written.keys()) {
      const expected = written.get(name).filter((content) => kept.has(content));
      assert.deepEqual(ofTab(name), expected, `seed ${seed}: order in tab ${name}`);
    }
  }
});

async function storm(random) {
  const device = new Device(random);
  const names = new Map();
  const written = new Map();
  const open = () => names.set(device.open(), `${names.size}`);
  const any = () => device.tabs[Math.floor(random() * device.tabs.length)];
  const faults = [
    () => any().cut(),
    () => any().connect(),
    () => (device.online = false) || device.tabs.forEach((tab) => tab.cut()),
    () => (device.online = true) && device.tabs.forEach((tab) => tab.connect()),
    () => any().die(),
    () => device.tabs.length < 3 && open(),
  ];
  open();
  for (let step = 0; step < 25; step += 1) {
    if (device.tabs.length === 0) open();
    const tab = any();
    const name = names.get(tab);
    const contents = Array.from({ length: Math.floor(random() * 4) }, (_, at) => `${name}:${step}:${at}`);
    for (const content of contents) tab.write(content);
    written.set(name, [...(written.get(name) ?? []), ...contents]);
    await run(random() * 400);
    if (random() < 0.5) faults[Math.floor(random() * faults.length)]();
  }
  device.online = true;
  if (device.tabs.length === 0) open();
  device.tabs.forEach((tab) => tab.connect());
  await run(120_000);
  const left = device.tabs.flatMap(({ outbox }) => outbox.items());
  assert.deepEqual(left, []);
  device.tabs.forEach((tab) => tab.die());
  forget();
  return { log: device.log, kept: device.kept, written };
}

/** An outbox on this storage that sends what `send` says. */
function outbox(send, storage = new MemoryStorage()) {
  const carrier = { way: () => "rest", send: (_, draft) => send(draft) };
  return new Outbox({ carrier, userId: "ada", open: async () => storage, unkept: (error) => assert.fail(error) });
}

const never = () => new Promise(() => undefined);
const refused = (code) => new ConfabError({ code, status: 400, title: code });

test("what has waited for more than an hour asks, also after a restart, and goes out when it is told to", async () => {
  const storage = new MemoryStorage();
  const offline = outbox(async () => Promise.reject(refused("network")), storage);
  offline.add("c", "old").catch(() => undefined);
  await run(STALE_AFTER_MS + 60_000);
  assert.deepEqual(offline.items().map(({ state }) => state), ["stale"]);
  offline.close();
  const sent = [];
  const again = outbox(async ({ content }) => ({ seq: sent.push(content) }), storage);
  again.add("c", "new");
  await run(1_000);
  assert.deepEqual([sent, again.items().map(({ state }) => state)], [["new"], ["stale"]]);
  again.retry(again.items()[0].clientMessageId);
  await run(1_000);
  assert.deepEqual([sent, again.items(), await storage.items()], [["new", "old"], [], []]);
});

test("what was on its way when the page closed is sent again with the same key, and what failed still says why", async () => {
  const storage = new MemoryStorage();
  const first = outbox(({ content }) => (content === "bad" ? Promise.reject(refused("invalid_request")) : never()), storage);
  await assert.rejects(first.add("c", "bad"), { code: "invalid_request" });
  first.add("c", "good", { clientMessageId: "k", role: "assistant", metadata: { a: 1 }, inReplyTo: 3 }).catch(() => undefined);
  await run(100);
  first.close();
  const sent = [];
  const second = outbox(async (draft) => ({ seq: sent.push(draft) }), storage);
  await run(100);
  assert.deepEqual(sent, [{ content: "good", clientMessageId: "k", role: "assistant", metadata: { a: 1 }, inReplyTo: 3 }]);
  const [{ state, problem, clientMessageId }] = second.items();
  assert.deepEqual([state, problem.code], ["failed", "invalid_request"]);
  second.discard(clientMessageId);
  await run(100);
  assert.deepEqual([second.items(), await storage.items()], [[], []]);
});

test("what failed for want of a sign-in goes out after the next one", async () => {
  const storage = new MemoryStorage();
  await assert.rejects(outbox(() => Promise.reject(refused("signed_out")), storage).add("c", "mine"), { code: "signed_out" });
  const sent = [];
  outbox(async ({ content }) => ({ seq: sent.push(content) }), storage);
  await run(100);
  assert.deepEqual(sent, ["mine"]);
});

test("a message on which the server fails again and again gives way to the next", async () => {
  const tried = [];
  const box = outbox(async ({ content }) => {
    tried.push(content);
    if (content === "poison") throw refused("internal");
    return { seq: 1 };
  });
  const poison = assert.rejects(box.add("c", "poison"), { code: "internal" });
  box.add("c", "next");
  await run(60_000);
  await poison;
  assert.deepEqual(tried, [...Array(5).fill("poison"), "next"]);
});

test("nothing goes out before it is kept", async () => {
  const storage = new MemoryStorage();
  let keep;
  storage.put = () => new Promise((resolve) => (keep = resolve));
  const sent = [];
  outbox(async ({ content }) => ({ seq: sent.push(content) }), storage).add("c", "hi");
  await run(10_000);
  assert.deepEqual(sent, []);
  keep();
  await run(100);
  assert.deepEqual(sent, ["hi"]);
});

test("metadata that is no JSON is refused at once, and what JSON leaves out is left out", async () => {
  const sent = [];
  const box = outbox(async (draft) => ({ seq: sent.push(draft.metadata) }));
  const circular = {};
  circular.itself = circular;
  await assert.rejects(box.add("c", "hi", { metadata: circular }), { code: "invalid_request" });
  assert.deepEqual(box.items(), []);
  await box.add("c", "hi", { metadata: { at: new Date(0), call: () => undefined } });
  assert.deepEqual(sent, [{ at: "1970-01-01T00:00:00.000Z" }]);
});

test("whoever waits for a message that is given up is told, and a listener that throws stops nobody", async (t) => {
  const reported = t.mock.method(console, "error", () => undefined);
  const box = outbox(never);
  box.subscribe({
    changed: () => {
      throw new Error("a view's own");
    },
  });
  box.add("c", "first").catch(() => undefined);
  const second = assert.rejects(box.add("c", "second", { clientMessageId: "k" }), { code: "closed" });
  await run(100);
  box.discard("k");
  await second;
  assert.deepEqual([box.items().map(({ content }) => content), reported.mock.callCount() > 2], [["first"], true]);
});

test("a storage that breaks later keeps nothing from being sent", async () => {
  const told = [];
  const fails = async () => Promise.reject(new Error("quota"));
  const storage = { lasting: true, items: async () => [], put: fails, remove: fails, draft: fails, setDraft: fails };
  const carrier = { way: () => "rest", send: async () => ({ seq: 1 }) };
  const box = new Outbox({ carrier, userId: "ada", open: async () => storage, unkept: ({ code }) => told.push(code) });
  assert.deepEqual(await box.add("c", "hi"), { seq: 1 });
  assert.equal(await box.draft("c"), "");
  storage.items = fails;
  assert.deepEqual(await box.add("c", "again"), { seq: 1 });
  assert.equal(new Set(told).size, 1);
});

test("a device that keeps nothing sends all the same, and says so once it fails", async () => {
  const told = [];
  const open = async () => Promise.reject(new Error("denied"));
  const carrier = { way: () => "socket", send: async () => ({ seq: 1 }) };
  const box = new Outbox({ carrier, userId: "ada", open, unkept: ({ code }) => told.push(code) });
  assert.deepEqual(await box.add("c", "hi"), { seq: 1 });
  assert.deepEqual(told, ["storage"]);
  await box.setDraft("c", "half");
  assert.equal(await box.draft("c"), "half");
  box.close();
  await assert.rejects(box.add("c", "late"), { code: "closed" });
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";

import "./support/clock.mjs";
import { Confab, ConfabError } from "@confab/client";
import { parseRetryAfter } from "../../../public/client/dist/errors.js";
import { backoffMs } from "../../../public/client/dist/retry.js";

const CUT = Symbol("the connection is cut");
const problem = (code, status) => ({
  status,
  type: "application/problem+json",
  body: { type: `urn:confab:error:${code}`, title: code, status, detail: "why", code, requestId: "r-1" },
});
const ok = (body) => ({ status: 200, type: "application/json", body });

/** A client, and a server that gives these answers one after the other. */
async function talking(t, ...answers) {
  const asked = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const { method, url, headers } = request;
    asked.push({ method, url, headers, body: body && JSON.parse(body) });
    const answer = answers.shift();
    if (answer === CUT) return request.socket.destroy();
    response.writeHead(answer.status, { ...(answer.type && { "Content-Type": answer.type }), ...answer.headers });
    response.end(typeof answer.body === "object" ? JSON.stringify(answer.body) : answer.body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const tokens = [];
  const getToken = async (force) => {
    tokens.push(force);
    return force ? "new" : "old";
  };
  const baseUrl = `http://127.0.0.1:${server.address().port}`;
  return { confab: new Confab({ getToken, baseUrl }), baseUrl, asked, tokens };
}

test("a cut connection and an unavailable server are tried again with the same clientMessageId", async (t) => {
  const { confab, asked } = await talking(t, CUT, problem("unavailable", 503), ok({ seq: 1 }));
  assert.deepEqual(await confab.addMessage("c 1", { content: "hi" }), { seq: 1 });
  assert.equal(asked.length, 3);
  assert.equal(asked[0].url, "/api/conversations/c%201/messages");
  assert.ok(asked[0].body.clientMessageId);
  for (const { body } of asked) assert.deepEqual(body, asked[0].body);
});

test("creating is tried again with the same Idempotency-Key", async (t) => {
  const { confab, asked } = await talking(t, problem("unavailable", 503), ok({ id: "c" }));
  await confab.create({ type: "chat" });
  assert.ok(asked[0].headers["idempotency-key"]);
  assert.equal(asked[1].headers["idempotency-key"], asked[0].headers["idempotency-key"]);
});

test("retries end, and the last problem is thrown as it came", async (t) => {
  const { confab, asked } = await talking(t, ...Array(9).fill(problem("unavailable", 503)));
  await assert.rejects(confab.finalize("c"), (error) => {
    assert.ok(error instanceof ConfabError);
    assert.deepEqual(error.problem, problem("unavailable", 503).body);
    assert.equal(error.requestId, "r-1");
    return true;
  });
  assert.equal(asked.length, 4);
});

test("an App Check token goes with each call, a forced one where it was refused, and none where there is none", async (t) => {
  const { baseUrl, asked } = await talking(t, problem("unauthenticated", 401), ...Array(2).fill(ok({})));
  const app = (getAppCheckToken) => new Confab({ getToken: async () => "token", getAppCheckToken, baseUrl });
  await app(async (force) => (force ? "new" : "old")).get("c");
  await app(async () => null).get("c");
  assert.deepEqual(asked.map(({ headers }) => headers["x-firebase-appcheck"]), ["old", "new", undefined]);
  const broken = app(async () => Promise.reject(new Error("why")));
  await assert.rejects(broken.get("c"), { code: "network", message: "No App Check token could be obtained: why" });
});

test("what no retry can cure is not tried again", async (t) => {
  for (const [code, status] of [["not_found", 404], ["conversation_finalized", 409], ["internal", 500]]) {
    const { confab, asked } = await talking(t, problem(code, status));
    await assert.rejects(confab.get("c"), { code, status });
    assert.equal(asked.length, 1);
  }
});

test("what an answer left null is left out when it is handed back", async (t) => {
  const { confab, asked } = await talking(t, ...Array(4).fill(ok({})));
  await confab.list({ limit: 5, cursor: null, status: null });
  await confab.get("c", { after: null, before: 7 });
  await confab.list(null);
  await confab.get("c", null);
  assert.deepEqual(
    asked.map(({ url }) => url),
    [
      "/api/conversations?limit=5",
      "/api/conversations/c?before=7",
      "/api/conversations",
      "/api/conversations/c",
    ],
  );
});

test("a write whose key is null gets one of its own, so that its retry is stored once", async (t) => {
  const { confab, asked } = await talking(t, ...Array(3).fill(ok({})));
  await confab.addMessage("c", { content: "hi", role: null, clientMessageId: null, metadata: null });
  await confab.create({ type: "chat", title: null, members: null }, { key: null });
  await confab.create({ type: "chat" }, { key: null });
  const [message, first, second] = asked;
  assert.match(message.body.clientMessageId, /./);
  assert.deepEqual(Object.keys(message.body).toSorted(), ["clientMessageId", "content"]);
  assert.deepEqual(first.body, { type: "chat" });
  assert.match(first.headers["idempotency-key"], /.{20}/);
  assert.notEqual(first.headers["idempotency-key"], second.headers["idempotency-key"]);
});

test("changes go to their paths, with null and without what is left out", async (t) => {
  const { confab, asked } = await talking(t, ...Array(8).fill(ok({})));
  const uid = "a b/c?#ä%";
  await confab.updateConversation("c 1", { title: null, owner: undefined });
  await confab.editMessage("c", 7, { content: "x" });
  await confab.deleteMessage("c", 7);
  await confab.setMember("c", uid, "read");
  await confab.removeMember("c", uid);
  await confab.readLog("c", { after: 0, limit: 5 });
  await confab.deleteConversation("c");
  await confab.eraseMe();
  const member = "/api/conversations/c/members/a%20b%2Fc%3F%23%C3%A4%25";
  assert.deepEqual(
    asked.map(({ method, url, body }) => [method, url, body]),
    [
      ["PATCH", "/api/conversations/c%201", { title: null }],
      ["PATCH", "/api/conversations/c/messages/7", { content: "x" }],
      ["DELETE", "/api/conversations/c/messages/7", ""],
      ["PUT", member, { access: "read" }],
      ["DELETE", member, ""],
      ["GET", "/api/conversations/c/log?after=0&limit=5", ""],
      ["DELETE", "/api/conversations/c", ""],
      ["DELETE", "/api/me", ""],
    ],
  );
});

test("an answer without a body is null, and leaving or deleting may lose its answer", async (t) => {
  const gone = problem("not_found", 404);
  const { confab, asked } = await talking(t, { status: 204 }, CUT, gone, problem("unavailable", 503), gone, gone, CUT, gone);
  assert.equal(await confab.removeMember("c", "me"), null);
  assert.equal(await confab.removeMember("c", "me"), null);
  assert.equal(await confab.deleteConversation("c"), undefined);
  await assert.rejects(confab.deleteConversation("c"), { code: "not_found" });
  await assert.rejects(confab.deleteMessage("c", 1), { code: "not_found" });
  assert.equal(asked.length, 8);
});

test("an expired token is renewed once", async (t) => {
  const { confab, asked, tokens } = await talking(t, problem("token_expired", 401), ok({ conversations: [] }));
  await confab.list({ limit: 5, cursor: undefined });
  assert.deepEqual(tokens, [false, true]);
  assert.deepEqual(asked.map(({ headers }) => headers.authorization), ["Bearer old", "Bearer new"]);
  assert.equal(asked[0].url, "/api/conversations?limit=5");
  const refused = await talking(t, problem("token_expired", 401), problem("token_revoked", 401));
  await assert.rejects(refused.confab.list(), { code: "token_revoked" });
});

test("Retry-After is waited for, and one that asks for too long is not tried", async (t) => {
  const limited = (seconds) => ({ ...problem("rate_limited", 429), headers: { "Retry-After": seconds } });
  const soon = await talking(t, limited("1"), ok({ seq: 1 }));
  const start = performance.now();
  await soon.confab.addMessage("c", { content: "hi" });
  assert.ok(performance.now() - start >= 1_000);
  const late = await talking(t, limited("3600"));
  await assert.rejects(late.confab.addMessage("c", { content: "hi" }), { code: "rate_limited" });
});

test("a gateway's error page becomes a problem too", async (t) => {
  const page = { type: "text/html", body: "<h1>Bad gateway</h1>", headers: { "X-Request-Id": "r-9" } };
  const healed = await talking(t, { ...page, status: 502 }, ok({ id: "c" }));
  assert.deepEqual(await healed.confab.get("c"), { id: "c" });
  const broken = await talking(t, { ...page, status: 403 });
  await assert.rejects(broken.confab.get("c"), { code: "internal", status: 403, requestId: "r-9" });
});

test("without a user nothing is sent", async () => {
  const fetch = () => assert.fail("nothing is sent");
  const confab = new Confab({ getToken: async () => null, fetch });
  await assert.rejects(confab.list(), { code: "signed_out", retryable: false });
});

test("a token that fails once is asked for again", async (t) => {
  const { asked, baseUrl } = await talking(t, ok({ id: "c" }));
  let failures = 0;
  const getToken = async () => {
    if ((failures += 1) < 3) throw Object.assign(new Error("offline"), { code: "auth/network-request-failed" });
    return "late";
  };
  assert.deepEqual(await new Confab({ getToken, baseUrl }).get("c"), { id: "c" });
  assert.equal(asked[0].headers.authorization, "Bearer late");
});

test("no answer is told with what can be the reason", async (t) => {
  const refused = (baseUrl) => {
    const fetch = async () => Promise.reject(new TypeError("Failed to fetch"));
    return new Confab({ getToken: async () => "old", baseUrl, fetch }).finalize("c");
  };
  globalThis.location = { origin: "https://app.example" }; // as browsers have it
  t.after(() => delete globalThis.location);
  await Promise.all([
    assert.rejects(refused("https://api.example/confab/"), {
      code: "network",
      message:
        "https://api.example did not respond to https://app.example. Either this device is offline, the server is down, " +
        "the address is wrong or the server's CONFAB_ALLOWED_ORIGINS does not list https://app.example.",
    }),
    assert.rejects(refused(""), {
      message: "https://app.example did not respond. Either this device is offline or the server is down.",
    }),
  ]);
});

test("Retry-After is seconds, or a date that counts from the answer's own", () => {
  const date = "Fri, 02 Jan 2026 03:04:05 GMT"; // far from this machine's clock
  assert.equal(parseRetryAfter("2", null), 2_000);
  assert.equal(parseRetryAfter("Fri, 02 Jan 2026 03:03:05 GMT", date), 0);
  assert.equal(parseRetryAfter("Fri, 02 Jan 2026 03:05:05 GMT", date), 60_000);
  for (const none of [null, "", "soon"]) assert.equal(parseRetryAfter(none, date), null);
  assert.equal(parseRetryAfter("Fri, 02 Jan 2026 03:05:05 GMT", null), null);
});

test("the backoff doubles to a bound, with a random half taken off", () => {
  const least = [0, 1, 2, 20].map((failures) => backoffMs(failures, () => 0));
  const most = [0, 1, 2, 20].map((failures) => backoffMs(failures, () => 1));
  assert.deepEqual(least, [150, 300, 600, 5_000]);
  assert.deepEqual(most, [300, 600, 1_200, 10_000]);
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { describe, test } from "node:test";

import { Confab } from "@confab/client";
import { opened, until } from "./support/opened.mjs";
import { RoomServer } from "./support/room-server.mjs";
import { slowLink } from "./support/slow-link.mjs";

const KIB = 1024;
const PAGE_BYTES = 256 * KIB;

describe("over a slow link", { concurrency: true }, () => {
  for (const kib of [64, 16]) {
    test(`a page of 256 KiB comes once at ${kib} KiB/s, and the room is live`, async (t) => {
      const server = await RoomServer.start(t);
      for (let seq = 1; seq <= 3; seq += 1) server.add("x".repeat(PAGE_BYTES / 3));
      const link = { url: await slowLink(t, server.url, kib * KIB) };
      const { told } = await opened(t, link, { after: 0, patienceMs: 60_000 });
      server.add("afterwards");
      await until(() => told.entries.length === 4);
      assert.deepEqual(told.entries.map(([seq]) => seq), [1, 2, 3, 4]);
      assert.deepEqual([server.count("join"), server.count("connect")], [1, 1]);
      assert.deepEqual(told.states, ["joining", "live"]);
    });
  }

  test("a page over REST is read once, though it takes longer than a silence may", async (t) => {
    let asked = 0;
    const http = createServer((_, response) => {
      asked += 1;
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ messages: ["x".repeat(PAGE_BYTES)] }));
    });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    t.after(() => http.close());
    const baseUrl = await slowLink(t, `http://127.0.0.1:${http.address().port}`, 15 * KIB);
    const { messages } = await new Confab({ getToken: async () => "old", baseUrl }).get("c");
    assert.equal(messages[0].length, PAGE_BYTES);
    assert.equal(asked, 1);
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { localOverride, otherInstancePage } from "../../../public/src/loopback.js";

const override = (page) => localOverride(new URL(page), "realtime");

test("a loopback page may name a loopback address", () => {
  assert.equal(override("http://127.0.0.1:5000/?realtime=http://127.0.0.1:8082"), "http://127.0.0.1:8082");
  assert.equal(override("http://localhost:5000/?realtime=http://[::1]:8082/x?y"), "http://[::1]:8082");
  assert.equal(override("http://127.0.0.1:5000/"), null);
});

test("a link can never send the token to a stranger", () => {
  for (const page of [
    "https://chat.example/?realtime=http://127.0.0.1:8082",
    "https://chat.example/?realtime=https://evil.example",
    "http://127.0.0.1.evil.example/?realtime=http://127.0.0.1:8082",
    "http://127.0.0.1:5000/?realtime=https://evil.example",
    "http://127.0.0.1:5000/?realtime=http://127.0.0.1@evil.example",
    "http://127.0.0.1:5000/?realtime=http://127.0.0.1.evil.example",
    "http://127.0.0.1:5000/?realtime=http://localhost.evil.example:8082",
    "http://127.0.0.1:5000/?realtime=//evil.example",
    "http://127.0.0.1:5000/?realtime=javascript:alert(1)",
    "http://127.0.0.1:5000/?realtime=",
  ]) {
    assert.equal(override(page), null, page);
  }
});

test("the second tab goes to the other instance, if one is known", () => {
  const page = new URL("http://127.0.0.1:5000/#abc");
  assert.equal(
    otherInstancePage(page, "http://127.0.0.1:8081", []),
    "http://127.0.0.1:5000/?realtime=http%3A%2F%2F127.0.0.1%3A8082",
  );
  assert.match(otherInstancePage(page, "http://127.0.0.1:1", ["http://127.0.0.1:2"]), /A2$/);
  assert.equal(otherInstancePage(page, "http://127.0.0.1:1", []), null);
  assert.equal(otherInstancePage(new URL("https://chat.example/"), "http://127.0.0.1:8081", []), null);
});

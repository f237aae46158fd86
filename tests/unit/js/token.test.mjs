import assert from "node:assert/strict";
import { test } from "node:test";

import { renewInMs } from "../../../public/confab/token.js";

const NOW = 1_700_000_000_000;
const token = (claims) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`;

test("an hour's token is renewed five minutes before its end", () => {
  assert.equal(renewInMs(token({ exp: NOW / 1000 + 3600, name: "Zoë ??>>" }), NOW), 55 * 60_000);
});

test("a short token is renewed half-way, an ended one at once", () => {
  assert.equal(renewInMs(token({ exp: NOW / 1000 + 60 }), NOW), 30_000);
  assert.equal(renewInMs(token({ exp: NOW / 1000 - 60 }), NOW), 0);
});

test("a far end stays within what a timer can hold", () => {
  assert.equal(renewInMs(token({ exp: NOW / 1000 + 1e9 }), NOW), 2 ** 31 - 1);
});

test("what does not say when it ends is not renewed by the clock", () => {
  for (const opaque of ["", "abc", "a.b.c", token({}), token({ exp: "soon" })]) {
    assert.equal(renewInMs(opaque, NOW), null);
  }
});

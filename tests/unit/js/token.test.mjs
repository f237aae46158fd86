import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { localError } from "../../../public/confab/errors.js";
import { idToken, renewInMs } from "../../../public/confab/token.js";

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

test("only what says that the user is gone ends the sign-in", async () => {
  const failing = (code) => idToken(async () => Promise.reject(Object.assign(new Error("why"), { code })), false);
  for (const gone of ["user-token-expired", "user-disabled", "user-not-found", "invalid-user-token"]) {
    await assert.rejects(failing(`auth/${gone}`), { code: "signed_out", retryable: false });
  }
  for (const none of [null, undefined, ""]) {
    await assert.rejects(idToken(async () => none, false), { code: "signed_out" });
  }
  for (const passing of ["network-request-failed", "internal-error", "too-many-requests", "timeout"]) {
    await assert.rejects(failing(`auth/${passing}`), { code: "network", retryable: true, message: /why/ });
  }
  const broken = () => null.getIdToken();
  await assert.rejects(idToken(broken, false), { code: "network", retryable: true });
  const own = localError("signed_out", "The app's own.");
  await assert.rejects(idToken(async () => Promise.reject(own), false), (error) => error === own);
});

test("a token that never comes is a timeout", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const refused = assert.rejects(idToken(() => new Promise(() => {}), false), { code: "timeout", retryable: true });
  mock.timers.tick(15_000);
  await refused;
});

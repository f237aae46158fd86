import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { localError } from "../../../public/client/dist/errors.js";
import { idToken, renewInMs } from "../../../public/client/dist/token.js";

const NOW = 1_700_000_000_000;
const HOUR = 3_600;
const token = (claims) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`;

/** An hour's token that was issued some seconds ago, by a clock that is right. */
const issued = (secondsAgo, life = HOUR) => {
  const iat = NOW / 1000 - secondsAgo;
  return token({ iat, exp: iat + life, name: "Zoë ??>>" });
};

/** The wait as a clock sees it that is some seconds ahead. */
const waitMs = (jwt, { fresh = false, aheadS = 0 } = {}) => renewInMs(jwt, { fresh, now: NOW + aheadS * 1000 });

test("an hour's token is renewed five minutes before its end", () => {
  assert.equal(waitMs(issued(0)), 55 * 60_000);
  assert.equal(waitMs(issued(50 * 60)), 5 * 60_000);
});

test("a short token is renewed half-way, an ended one at once", () => {
  assert.equal(waitMs(issued(0, 60)), 30_000);
  assert.equal(waitMs(issued(HOUR + 60)), 0);
});

test("a token that has just been issued is renewed in time, however wrong the clock is", () => {
  for (const aheadS of [-HOUR, -30, 0, 30, HOUR, 24 * HOUR]) {
    assert.equal(waitMs(issued(0), { fresh: true, aheadS }), 55 * 60_000);
  }
});

test("a token of unknown age is never renewed after its end, however wrong the clock is", () => {
  for (const aheadS of [-24 * HOUR, -HOUR - 61, HOUR, 24 * HOUR]) {
    assert.equal(waitMs(issued(0), { aheadS }), 0);
  }
  assert.equal(waitMs(issued(0), { aheadS: -30 }), 55 * 60_000); // a clock is seldom right to the second
});

test("a far end stays within what a timer can hold", () => {
  assert.equal(waitMs(token({ exp: NOW / 1000 + 1e9 })), 2 ** 31 - 1);
});

test("what does not say when it ends is not renewed by the clock", () => {
  for (const opaque of ["", "abc", "a.b.c", "a.bnVsbA.c", token({}), token({ exp: "soon" })]) {
    assert.equal(waitMs(opaque), null);
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

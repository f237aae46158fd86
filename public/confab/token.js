import { ConfabError, localError } from "./errors.js";

const DEADLINE_MS = 15_000;
const LEAD_MS = 5 * 60_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Firebase Auth's codes for a sign-in that is over. */
const SIGNED_OUT = new Set([
  "auth/invalid-user-token",
  "auth/no-current-user",
  "auth/null-user",
  "auth/user-disabled",
  "auth/user-not-found",
  "auth/user-signed-out",
  "auth/user-token-expired",
]);

/**
 * The user's ID token. Throws ConfabError: `signed_out` only where `getToken` says that the user is
 * gone, since that closes every room; else `timeout` or `network`, after which it may be asked again.
 *
 * @param {(force: boolean) => Promise<string | null>} getToken
 * @param {boolean} force
 */
export async function idToken(getToken, force) {
  let token;
  try {
    token = await inTime(getToken(force));
  } catch (error) {
    if (error instanceof ConfabError) throw error;
    if (SIGNED_OUT.has(error?.code)) throw localError("signed_out", "Sign in again.", error);
    throw localError("network", `No sign-in token could be obtained: ${error?.message ?? error}`, error);
  }
  if (!token) throw localError("signed_out", "Sign in again.");
  return token;
}

/** @template T @param {Promise<T>} answer */
async function inTime(answer) {
  let timer;
  const late = new Promise((_, reject) => {
    const error = localError("timeout", "No sign-in token could be obtained in time.");
    timer = setTimeout(() => reject(error), DEADLINE_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * How long to wait before renewing a token: until 5 minutes before its end, or for the first half of
 * what is left of a short one. Null if the token does not say when it ends.
 *
 * @param {string} token  A JWT; nothing is verified here
 * @param {number} [now]
 * @returns {number | null} milliseconds
 */
export function renewInMs(token, now = Date.now()) {
  const end = expiryMs(token);
  if (end === null) return null;
  const left = Math.max(0, end - now);
  return Math.min(LONGEST_TIMER_MS, Math.max(left / 2, left - LEAD_MS));
}

/** @param {string} token */
function expiryMs(token) {
  try {
    const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { exp } = JSON.parse(atob(claims));
    return typeof exp === "number" ? exp * 1000 : null;
  } catch {
    return null; // not a JWT: the server says `auth_expired` in time
  }
}

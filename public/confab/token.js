const LEAD_MS = 5 * 60_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

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

import { ConfabError, localError } from "./errors.js";

const DEADLINE_MS = 15_000;
const LEAD_MS = 5 * 60_000;
const SKEW_MS = 60_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Firebase Auth's codes for a sign-in that is over. */
const SIGNED_OUT: ReadonlySet<unknown> = new Set([
  "auth/invalid-user-token",
  "auth/no-current-user",
  "auth/null-user",
  "auth/user-disabled",
  "auth/user-not-found",
  "auth/user-signed-out",
  "auth/user-token-expired",
]);

/** A valid Firebase ID token, a new one when forced; null for nobody. `(force) => user.getIdToken(force)`. */
export type GetToken = (force?: boolean) => Promise<string | null | undefined>;

/** The tokens of a call or a handshake. */
export interface Tokens {
  token: string;
  /** Of App Check; none is sent if the app gives none. */
  appCheckToken?: string;
}

/** Both tokens. Throws ConfabError, as `idToken` does. */
export async function bothTokens(getToken: GetToken, getAppCheckToken: GetToken | undefined, force: boolean): Promise<Tokens> {
  const [token, appCheckToken] = await Promise.all([
    idToken(getToken, force),
    getAppCheckToken && obtained(getAppCheckToken, force, "App Check"),
  ]);
  return { token, ...(appCheckToken && { appCheckToken }) };
}

/**
 * The user's ID token. Throws ConfabError: `signed_out` only where `getToken` says that the user is
 * gone, since that closes every room; else `timeout` or `network`, after which it may be asked again.
 */
export async function idToken(getToken: GetToken, force: boolean): Promise<string> {
  const token = await obtained(getToken, force, "sign-in");
  if (!token) throw localError("signed_out", "Sign in again.");
  return token;
}

async function obtained(getToken: GetToken, force: boolean, kind: string): Promise<string | null | undefined> {
  try {
    return await inTime(getToken(force), kind);
  } catch (error) {
    if (error instanceof ConfabError) throw error;
    const { code, message = String(error) } = (error ?? {}) as { code?: unknown; message?: string };
    if (SIGNED_OUT.has(code)) throw localError("signed_out", "Sign in again.", error);
    throw localError("network", `No ${kind} token could be obtained: ${message}`, error);
  }
}

async function inTime<T>(answer: Promise<T>, kind: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = localError("timeout", `No ${kind} token could be obtained in time.`);
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
 * A token that has just been issued tells by itself how long it lasts, whatever the local clock says.
 * The age of any other is known by that clock alone; a clock that puts it outside the token's life is
 * wrong, and the token is renewed at once, which gives one whose age is known.
 *
 * @param token  A JWT; nothing is verified here
 * @param options  `fresh`: it has just been issued
 * @returns milliseconds
 */
export function renewInMs(
  token: string,
  { fresh, now = Date.now() }: { fresh: boolean; now?: number },
): number | null {
  const { iat, exp } = claimsOf(token);
  if (typeof exp !== "number") return null;
  const start = typeof iat === "number" ? iat * 1000 : now;
  const life = exp * 1000 - start;
  const age = fresh ? 0 : now - start;
  if (age < -SKEW_MS || age >= life) return 0;
  const left = life - Math.max(0, age);
  return Math.min(LONGEST_TIMER_MS, Math.max(left / 2, left - LEAD_MS));
}

function claimsOf(token: string): { iat?: unknown; exp?: unknown } {
  try {
    return JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/"))) ?? {};
  } catch {
    return {}; // not a JWT: the server says `auth_expired` in time
  }
}

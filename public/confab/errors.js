/**
 * What went wrong, in the words of the server where it spoke (RFC 9457), else in the client's own.
 *
 * @typedef {object} Problem
 * @property {string} code      One of the server's codes, or `network`, `timeout`, `busy`,
 *   `closed`, `signed_out`
 * @property {number} status    The HTTP status; 0 if no answer came
 * @property {string} title
 * @property {string} [detail]
 * @property {string} [requestId]  Finds the request in the server's log
 * @property {{path: string, message: string}[]} [errors]  The refused fields of an `invalid_request`
 */

/** Codes after which the very same request may succeed later. */
const RETRYABLE = new Set(["unavailable", "rate_limited", "network", "timeout", "busy"]);

/** Codes that a new token may cure. */
const TOKEN = new Set(["unauthenticated", "token_expired", "token_revoked"]);

/** Every error that this client throws. */
export class ConfabError extends Error {
  /**
   * @param {Problem} problem
   * @param {{cause?: unknown, retryAfterMs?: number | null}} [more]
   */
  constructor(problem, { cause, retryAfterMs = null } = {}) {
    super(problem.detail || problem.title, { cause });
    this.name = "ConfabError";
    /** @type {Problem} */
    this.problem = problem;
    /** How long the server asked to wait before a retry, in milliseconds. @type {number | null} */
    this.retryAfterMs = retryAfterMs;
  }

  get code() {
    return this.problem.code;
  }

  get status() {
    return this.problem.status;
  }

  get requestId() {
    return this.problem.requestId ?? null;
  }

  /** Whether the same request may succeed if it is sent again. */
  get retryable() {
    return RETRYABLE.has(this.code);
  }

  /** Whether a new token may help. */
  get aboutToken() {
    return TOKEN.has(this.code);
  }
}

/**
 * An error that the client itself noticed.
 *
 * @param {"network" | "timeout" | "busy" | "closed" | "signed_out"} code
 * @param {string} detail
 * @param {unknown} [cause]
 */
export function localError(code, detail, cause) {
  const titles = {
    network: "Can't reach the server",
    timeout: "The server did not respond in time",
    busy: "Too much at once",
    closed: "This conversation is no longer open here",
    signed_out: "You are not signed in",
  };
  return new ConfabError({ code, status: 0, title: titles[code], detail }, { cause });
}

/**
 * The error for an address that did not respond. A browser tells a page no more than that, so this
 * lists the possible reasons.
 *
 * @param {string} address  A URL; what begins with a path is on the page's own origin
 * @param {unknown} cause
 */
export function unreachable(address, cause) {
  const page = globalThis.location?.origin;
  const server = /^\w+:\/\/[^/]+/.exec(address)?.[0] ?? page;
  const foreign = page !== undefined && server !== page;
  const reasons = ["this device is offline", "the server is down"];
  if (server !== page) reasons.push("the address is wrong");
  if (foreign) reasons.push(`the server's CONFAB_ALLOWED_ORIGINS does not list ${page}`);
  const detail = `${server ?? "The server"} did not respond${foreign ? ` ${page}` : ""}. Either ${listed(reasons)}.`;
  return localError("network", detail, cause);
}

/** @param {string[]} reasons */
function listed(reasons) {
  return `${reasons.slice(0, -1).join(", ")} or ${reasons.at(-1)}`;
}

/**
 * The error in an HTTP response; without a problem document, its status says what it is.
 *
 * @param {Response} response
 * @returns {Promise<ConfabError>}
 */
export async function errorOf(response) {
  const retryAfterMs = parseRetryAfter(response.headers.get("Retry-After"), response.headers.get("Date"));
  const problem = isProblem(response) ? await response.json().catch(() => null) : null;
  return new ConfabError(problem ?? unspoken(response), { retryAfterMs });
}

/**
 * The delay that a `Retry-After` header asks for, in milliseconds, or null if it asks for none.
 *
 * @param {string | null} header  Seconds, or an HTTP date (RFC 9110, 10.2.3)
 * @param {string | null} date  The answer's own `Date`, from which a date counts: the local clock may be
 *   wrong
 */
export function parseRetryAfter(header, date) {
  if (header === null || header.trim() === "") return null;
  const seconds = Number(header);
  const delay = Number.isNaN(seconds) ? Date.parse(header) - Date.parse(date ?? "") : seconds * 1000;
  return Number.isNaN(delay) ? null : Math.max(0, delay);
}

/** @param {Response} response */
function isProblem(response) {
  return (response.headers.get("Content-Type") ?? "").startsWith("application/problem+json");
}

/** A gateway's own error page: 429, 502, 503 and 504 are passing troubles. @param {Response} response */
function unspoken(response) {
  const passing = response.status === 429 || response.status >= 502;
  return {
    code: passing ? "unavailable" : "internal",
    status: response.status,
    title: "The server gave an unexpected answer",
    detail: `The answer was HTTP ${response.status}.`,
    requestId: response.headers.get("X-Request-Id") ?? undefined,
  };
}

import type { ProblemDetails } from "./resources.js";

/** What the client itself noticed. The server's codes are on the errors page of the documentation. */
export type ClientCode = "network" | "timeout" | "busy" | "closed" | "signed_out" | "storage";

/** What went wrong, in the words of the server where it spoke (RFC 9457), else in the client's own. */
export type Failure = Pick<ProblemDetails, "title"> &
  Partial<Pick<ProblemDetails, "detail" | "requestId">> & {
    /** One of the server's codes or of the client's. */
    code: ProblemDetails["code"] | ClientCode;
    /** The HTTP status; 0 if no answer came. */
    status: number;
    /** The refused fields of an `invalid_request`. */
    errors?: { path: string; message: string }[];
  };

/** Codes after which the very same request may succeed later. */
const RETRYABLE: ReadonlySet<string> = new Set(["unavailable", "rate_limited", "network", "timeout", "busy"]);

/** Codes that a new token may cure. */
const TOKEN: ReadonlySet<string> = new Set(["unauthenticated", "token_expired", "token_revoked"]);

/** Codes that neither time nor a new token cures. */
const FINAL: ReadonlySet<string> = new Set([
  "invalid_request",
  "forbidden",
  "not_found",
  "method_not_allowed",
  "conversation_finalized",
  "idempotency_conflict",
  "payload_too_large",
  "unsupported_media_type",
  "closed",
  "signed_out",
]);

/** Every error that this client throws. */
export class ConfabError extends Error {
  readonly problem: Failure;
  /** How long the server asked to wait before a retry, in milliseconds. */
  readonly retryAfterMs: number | null;

  constructor(problem: Failure, { cause, retryAfterMs = null }: { cause?: unknown; retryAfterMs?: number | null } = {}) {
    super(problem.detail || problem.title, { cause });
    this.name = "ConfabError";
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }

  get code(): Failure["code"] {
    return this.problem.code;
  }

  get status(): number {
    return this.problem.status;
  }

  get requestId(): string | null {
    return this.problem.requestId ?? null;
  }

  /** Whether the same request may succeed if it is sent again. */
  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }

  /** Whether the same can never succeed for this user, however long one waits. */
  get final(): boolean {
    return FINAL.has(this.code);
  }

  /** Whether a new token may help. */
  get aboutToken(): boolean {
    return TOKEN.has(this.code);
  }
}

/** The error of a problem object that came over a socket. */
export function problemError(problem: ProblemDetails & { retryAfter?: number }): ConfabError {
  const { retryAfter } = problem;
  return new ConfabError(problem, { retryAfterMs: retryAfter === undefined ? null : retryAfter * 1000 });
}

/** An error that the client itself noticed. */
export function localError(code: ClientCode, detail: string, cause?: unknown): ConfabError {
  const titles = {
    network: "Can't reach the server",
    timeout: "The server did not respond in time",
    busy: "Too much at once",
    closed: "This conversation is no longer open here",
    signed_out: "You are not signed in",
    storage: "What is unsent can't be kept on this device",
  };
  return new ConfabError({ code, status: 0, title: titles[code], detail }, { cause });
}

/**
 * The error for an address that did not respond. A browser tells a page no more than that, so this
 * lists the possible reasons.
 *
 * @param address  A URL; what begins with a path is on the page's own origin
 */
export function unreachable(address: string, cause: unknown): ConfabError {
  const { server, page, foreign } = parties(address);
  const reasons = ["this device is offline", "the server is down"];
  if (server !== page) reasons.push("the address is wrong");
  if (foreign) reasons.push(`the server's CONFAB_ALLOWED_ORIGINS does not list ${page}`);
  return localError("network", `${server ?? "The server"} did not respond${to(page, foreign)}. Either ${either(reasons)}.`, cause);
}

/** The error for an address that responds, but opens no connection. @param address  A URL */
export function unconnectable(address: string, foreign: boolean, cause: unknown): ConfabError {
  const { server, page } = parties(address);
  const detail = foreign
    ? `${server} does not serve pages of ${page}: add it to the server's CONFAB_ALLOWED_ORIGINS.`
    : `${server} responds, but opens no live connection: a proxy, firewall or extension on the way blocks WebSockets.`;
  return localError("network", detail, cause);
}

function parties(address: string) {
  const page: string | undefined = globalThis.location?.origin;
  const server = /^\w+:\/\/[^/]+/.exec(address)?.[0] ?? page;
  return { server, page, foreign: page !== undefined && server !== page };
}

function to(page: string | undefined, foreign: boolean): string {
  return foreign ? ` to ${page}` : "";
}

function either(reasons: string[]): string {
  return `${reasons.slice(0, -1).join(", ")} or ${reasons.at(-1)}`;
}

/** The error in an HTTP response; without a problem document, its status says what it is. */
export async function errorOf(response: Response): Promise<ConfabError> {
  const retryAfterMs = parseRetryAfter(response.headers.get("Retry-After"), response.headers.get("Date"));
  const problem = isProblem(response) ? await response.json().catch(() => null) : null;
  return new ConfabError(problem ?? unspoken(response), { retryAfterMs });
}

/**
 * The delay that a `Retry-After` header asks for, in milliseconds, or null if it asks for none.
 *
 * @param header  Seconds, or an HTTP date (RFC 9110, 10.2.3)
 * @param date  The answer's own `Date`, from which a date counts: the local clock may be wrong
 */
export function parseRetryAfter(header: string | null, date: string | null): number | null {
  if (header === null || header.trim() === "") return null;
  const seconds = Number(header);
  const delay = Number.isNaN(seconds) ? Date.parse(header) - Date.parse(date ?? "") : seconds * 1000;
  return Number.isNaN(delay) ? null : Math.max(0, delay);
}

function isProblem(response: Response): boolean {
  return (response.headers.get("Content-Type") ?? "").startsWith("application/problem+json");
}

/** A gateway's own error page: 429, 502, 503 and 504 are passing troubles. */
function unspoken(response: Response): Failure {
  const passing = response.status === 429 || response.status >= 502;
  const requestId = response.headers.get("X-Request-Id");
  return {
    code: passing ? "unavailable" : "internal",
    status: response.status,
    title: "The server gave an unexpected answer",
    detail: `The answer was HTTP ${response.status}.`,
    ...(requestId !== null && { requestId }),
  };
}

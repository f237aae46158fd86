import { ConfabError, errorOf, localError, unreachable } from "./errors.js";
import { retrying } from "./retry.js";
import { Silence } from "./silence.js";

const SILENCE_MS = 15_000;

/**
 * Calls the REST operations with the user's token.
 *
 * Every request made here is safe to repeat, so each is retried while that may help. A refused token
 * is renewed once.
 */
export class Rest {
  #baseUrl;
  #getToken;
  #fetch;

  /**
   * @param {string} baseUrl  Where `/api` is; "" for the page's own origin
   * @param {(force?: boolean) => Promise<string>} getToken
   * @param {typeof fetch} fetch
   */
  constructor(baseUrl, getToken, fetch) {
    this.#baseUrl = baseUrl.replace(/\/$/, "");
    this.#getToken = getToken;
    this.#fetch = fetch;
  }

  /**
   * The JSON body of a successful answer, null if it has none. Throws ConfabError.
   *
   * @param {"GET" | "POST" | "PUT" | "PATCH" | "DELETE"} method
   * @param {string} path
   * @param {{query?: Record<string, string | number | null | undefined> | null, body?: object,
   *   key?: string, ends?: boolean}} [more]  `key` goes out as `Idempotency-Key`. `ends`: it ends the
   *   user's access, so a retry that is `not_found` tells that an earlier try, whose answer got lost,
   *   succeeded
   */
  async call(method, path, { query, body, key, ends = false } = {}) {
    const url = this.#baseUrl + path + queryString(query ?? {});
    const headers = {
      ...(body !== undefined && { "Content-Type": "application/json" }),
      ...(key !== undefined && { "Idempotency-Key": key }),
    };
    const request = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
    let lost = false;
    const attempt = async (newToken) => {
      try {
        return await this.#send(url, request, newToken);
      } catch (error) {
        if (ends && lost && error.code === "not_found") return null;
        lost ||= error.retryable;
        throw error;
      }
    };
    try {
      return await retrying(() => attempt(false));
    } catch (error) {
      if (!(error instanceof ConfabError) || !error.aboutToken) throw error;
      return await retrying(() => attempt(true));
    }
  }

  /** @param {string} url @param {{headers: object}} request @param {boolean} newToken */
  async #send(url, request, newToken) {
    const token = await this.#getToken(newToken);
    const headers = { ...request.headers, Authorization: `Bearer ${token}` };
    const giveUp = new AbortController();
    const silence = new Silence(SILENCE_MS, () => giveUp.abort());
    try {
      const response = await this.#fetch(url, { ...request, headers, signal: giveUp.signal });
      if (!response.ok) throw await errorOf(response);
      return response.status === 204 ? null : await heardJson(response, silence);
    } catch (error) {
      if (error instanceof ConfabError) throw error;
      if (giveUp.signal.aborted) throw localError("timeout", "The request took too long.", error);
      throw unreachable(url, error);
    } finally {
      silence.end();
    }
  }
}

/** The JSON in a body of which each part breaks the silence. @param {Response} response @param {Silence} silence */
async function heardJson(response, silence) {
  const heard = new TransformStream({
    transform(part, out) {
      silence.heard();
      out.enqueue(part);
    },
  });
  return await new Response(response.body.pipeThrough(heard)).json();
}

/**
 * The fields that have a value. An answer's `nextCursor` or `clientMessageId` may be null, and handed
 * back it means the same as one that is left out.
 *
 * @template {object} F
 * @param {F} fields
 * @returns {Partial<F>}
 */
export function given(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null));
}

/** @param {Record<string, string | number | null | undefined>} query */
function queryString(query) {
  const text = new URLSearchParams(given(query)).toString();
  return text && `?${text}`;
}

import { ConfabError, errorOf, localError, unreachable } from "./errors.js";
import { retrying } from "./retry.js";
import { Silence } from "./silence.js";
import type { Tokens } from "./token.js";

const SILENCE_MS = 15_000;

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Query = Record<string, string | number | null | undefined>;

export interface Details {
  query?: object | null | undefined;
  body?: object | undefined;
  /** Goes out as `Idempotency-Key`. */
  key?: string | undefined;
  /** It ends the user's access, so a retry that is `not_found` tells that an earlier try, whose answer got lost, succeeded. */
  ends?: boolean;
  /** How often it is tried; 4 times by default. */
  attempts?: number;
}

/**
 * Calls the REST operations with the user's token.
 *
 * Every request made here is safe to repeat, so each is retried while that may help. A refused token
 * is renewed once.
 */
export class Rest {
  readonly #baseUrl: string;

  /** @param baseUrl  Where `/api` is; "" for the page's own origin */
  constructor(
    baseUrl: string,
    readonly getTokens: (force: boolean) => Promise<Tokens>,
    readonly fetch: typeof globalThis.fetch,
  ) {
    this.#baseUrl = baseUrl.replace(/\/$/, "");
  }

  /** The JSON body of a successful answer, null if it has none. Throws ConfabError. */
  async call(method: Method, path: string, { query, body, key, ends = false, attempts = 4 }: Details = {}): Promise<any> {
    const url = this.#baseUrl + path + queryString((query ?? {}) as Query);
    const headers: Record<string, string> = {
      ...(body !== undefined && { "Content-Type": "application/json" }),
      ...(key !== undefined && { "Idempotency-Key": key }),
    };
    const request: RequestInit = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    let lost = false;
    const attempt = async (newToken: boolean) => {
      try {
        return await this.#send(url, request, newToken);
      } catch (error) {
        if (!(error instanceof ConfabError)) throw error;
        if (ends && lost && error.code === "not_found") return null;
        lost ||= error.retryable;
        throw error;
      }
    };
    try {
      return await retrying(() => attempt(false), { attempts });
    } catch (error) {
      if (!(error instanceof ConfabError) || !error.aboutToken) throw error;
      return await retrying(() => attempt(true), { attempts });
    }
  }

  async #send(url: string, request: RequestInit, newToken: boolean): Promise<any> {
    const { token, appCheckToken } = await this.getTokens(newToken);
    const headers: Record<string, string> = {
      ...(request.headers as Record<string, string>),
      Authorization: `Bearer ${token}`,
      ...(appCheckToken && { "X-Firebase-AppCheck": appCheckToken }),
    };
    const giveUp = new AbortController();
    const silence = new Silence(SILENCE_MS, () => giveUp.abort());
    try {
      const response = await this.fetch(url, { ...request, headers, signal: giveUp.signal });
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

/** The JSON in a body of which each part breaks the silence. */
async function heardJson(response: Response, silence: Silence): Promise<any> {
  const heard = new TransformStream<Uint8Array, Uint8Array>({
    transform(part, out) {
      silence.heard();
      out.enqueue(part);
    },
  });
  return await new Response(response.body?.pipeThrough(heard)).json();
}

/**
 * The fields that have a value. An answer's `nextCursor` or `clientMessageId` may be null, and handed
 * back it means the same as one that is left out.
 */
export function given<F extends object>(fields: F): { [K in keyof F]?: NonNullable<F[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null)) as {
    [K in keyof F]?: NonNullable<F[K]>;
  };
}

function queryString(query: Query): string {
  const text = new URLSearchParams(given(query) as Record<string, string>).toString();
  return text && `?${text}`;
}

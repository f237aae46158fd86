import { ConfabError } from "./errors.js";

const BASE_MS = 300;
const MOST_MS = 10_000;
const MOST_RETRY_AFTER_MS = 30_000;

/** From how many failures in a row on the user should know: one or two pass unnoticed. */
export const TROUBLE_AFTER = 3;

/**
 * The wait before the next try: doubling from 0.3 s to 10 s, of which a random half is taken off,
 * so that clients which failed together do not come back together.
 *
 * @param {number} failures  How many tries have failed before this one, from 0
 * @param {() => number} [random]
 * @returns {number} milliseconds
 */
export function backoffMs(failures, random = Math.random) {
  const full = Math.min(MOST_MS, BASE_MS * 2 ** failures);
  return full / 2 + (full / 2) * random();
}

/** @param {number} ms */
export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * The result of `attempt`, tried again while its error says that a retry may help.
 *
 * Only for requests that are safe to repeat. What the server asks for in `Retry-After` is the least
 * wait, up to 30 s; a longer one is given up at once. The last error is thrown.
 *
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {{attempts?: number, wait?: (ms: number) => Promise<unknown>}} [options]
 * @returns {Promise<T>}
 */
export async function retrying(attempt, { attempts = 4, wait = sleep } = {}) {
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ConfabError) || !error.retryable) throw error;
      const asked = error.retryAfterMs ?? 0;
      if (failures + 1 >= attempts || asked > MOST_RETRY_AFTER_MS) throw error;
      await wait(asked + backoffMs(failures));
    }
  }
}

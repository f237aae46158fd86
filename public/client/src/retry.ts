import { ConfabError } from "./errors.js";

const BASE_MS = 300;
const MOST_MS = 10_000;
const MOST_RETRY_AFTER_MS = 30_000;

/** From how many failures in a row on the app should know: one or two pass unnoticed. */
export const TROUBLE_AFTER = 3;

/**
 * The wait before the next try: doubling from 0.3 s to 10 s, of which a random half is taken off,
 * so that clients which failed together do not come back together.
 *
 * @param failures  How many tries have failed before this one, from 0
 * @returns milliseconds
 */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  const full = Math.min(MOST_MS, BASE_MS * 2 ** failures);
  return full / 2 + (full / 2) * random();
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * The result of `attempt`, tried again while its error says that a retry may help.
 *
 * Only for requests that are safe to repeat. What the server asks for in `Retry-After` is the least
 * wait, up to 30 s; a longer one is given up at once. The last error is thrown.
 */
export async function retrying<T>(
  attempt: () => Promise<T>,
  { attempts = 4, wait = sleep }: { attempts?: number; wait?: (ms: number) => Promise<unknown> } = {},
): Promise<T> {
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

const NAMES = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether a host name always means the machine that asks. @param {string} hostname */
export function isLoopback(hostname) {
  return NAMES.has(hostname);
}

/**
 * An address in the page's query, for development: only a loopback page may name one, and only on
 * loopback. Anywhere else a link could send the reader's token to a stranger.
 *
 * @param {URL | Location} page
 * @param {string} name  The query's parameter
 * @returns {string | null} the origin, or null if none is given or allowed
 */
export function localOverride(page, name) {
  const given = new URLSearchParams(page.search).get(name);
  if (given === null || !isLoopback(page.hostname) || !URL.canParse(given)) return null;
  const address = new URL(given);
  const http = address.protocol === "http:" || address.protocol === "https:";
  return http && isLoopback(address.hostname) ? address.origin : null;
}

/** The realtime instances of the local stack, as it starts them by default. */
const LOCAL_INSTANCES = ["http://127.0.0.1:8081", "http://127.0.0.1:8082"];

/**
 * This page, opened on another realtime instance; null if none is known.
 *
 * @param {URL | Location} page
 * @param {string} current   The instance in use
 * @param {string[]} known   Other addresses that were seen
 */
export function otherInstancePage(page, current, known) {
  const candidates = [...known, ...(LOCAL_INSTANCES.includes(current) ? LOCAL_INSTANCES : [])];
  const other = candidates.find((url) => url !== current);
  if (other === undefined || !isLoopback(page.hostname)) return null;
  const link = new URL(page.pathname, page.origin);
  link.searchParams.set("realtime", other);
  return localOverride(link, "realtime") && link.href;
}

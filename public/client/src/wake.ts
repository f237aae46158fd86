const LOOK_MS = 5_000;
const LEAP_MS = 15_000;

/**
 * Calls `woke` when this device or page may have been asleep: a page is shown again, the network is back,
 * or a timer comes much too late, as in a process that was suspended.
 *
 * @returns stops it
 */
export function onWake(woke: () => void): () => void {
  const shown = () => globalThis.document.visibilityState === "visible" && woke();
  let looked = Date.now();
  const timer = setInterval(() => {
    const late = Date.now() - looked > LEAP_MS; // a clock that is set does no more harm than one needless look
    looked = Date.now();
    if (late) woke();
  }, LOOK_MS);
  (timer as { unref?: () => void }).unref?.(); // in Node: it alone keeps no process running
  globalThis.document?.addEventListener("visibilitychange", shown);
  for (const event of ["online", "pageshow"]) globalThis.addEventListener?.(event, woke);
  return () => {
    clearInterval(timer);
    globalThis.document?.removeEventListener("visibilitychange", shown);
    for (const event of ["online", "pageshow"]) globalThis.removeEventListener?.(event, woke);
  };
}

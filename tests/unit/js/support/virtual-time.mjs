/** Time that passes only when `run` says so: import it before anything that keeps timers of its own. */
let now = 0;
let last = 0;
const due = [];

export const elapsed = () => now;

globalThis.setTimeout = (act, ms = 0) => {
  const timer = { at: now + Math.max(0, ms), order: (last += 1), act };
  due.push(timer);
  return timer;
};
globalThis.clearTimeout = (timer) => {
  const at = due.indexOf(timer);
  if (at >= 0) due.splice(at, 1);
};
globalThis.setInterval = () => 0; // looks for sleeps, which virtual time has not
globalThis.clearInterval = () => undefined;
performance.now = () => now;
Date.now = () => 1_800_000_000_000 + now;

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Let so many milliseconds pass. */
export async function run(ms) {
  const end = now + ms;
  for (;;) {
    await settled();
    let next = null;
    for (const timer of due) if (!next || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
    if (!next || next.at > end) break;
    due.splice(due.indexOf(next), 1);
    now = Math.max(now, next.at);
    next.act();
  }
  now = end;
}

/** Drop what is still due. */
export function forget() {
  due.length = 0;
}

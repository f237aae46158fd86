/** Reports an error of the app's own code, as an uncaught one is reported, where it was called from here. */
export function report(error: unknown): void {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else console.error(error); // Node has no `reportError`, and an uncaught error would end the process
}

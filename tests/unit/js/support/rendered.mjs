import { MemoryStorage } from "@confab/client";
import { ConfabProvider } from "@confab/react";
import { Window } from "happy-dom";

import { until } from "./opened.mjs";

const window = new Window();
Object.assign(globalThis, { window, document: window.document });
globalThis.navigator ??= window.navigator; // which Node 20 does not have
const { createElement, StrictMode } = await import("react");
const { createRoot } = await import("react-dom/client"); // it looks for a document as it is loaded

/**
 * A component that calls a hook, in a page whose user is signed in and in strict mode.
 *
 * `results` are what the hook returned, one a render; `render` renders again, with other props of the provider
 * or another hook; `unmount` takes all away.
 */
export async function rendered(t, hook, provider) {
  const results = [];
  const root = createRoot(document.createElement("div"));
  function Probe({ use }) {
    results.push(use());
    return null;
  }
  const render = (use = hook, other = {}) => {
    const props = { userId: "ada", getToken: async () => "token", storage: async () => new MemoryStorage(), ...provider, ...other };
    root.render(createElement(StrictMode, null, createElement(ConfabProvider, props, createElement(Probe, { use }))));
  };
  const unmount = () => root.unmount();
  t.after(unmount);
  render();
  await until(() => results.length > 0);
  return { results, render, unmount, now: () => results.at(-1) };
}

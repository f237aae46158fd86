import { announce, byId, el, setText } from "./dom.js";
import { rendered } from "./markdown.js";
import { explained, inWords } from "./notices.js";

/** A message on its way, as the page shows it until the log has it. */
export class UnsentItem {
  element;
  #state = "";
  #status = el("div", { className: "status" });
  #again = el("button", { type: "button", className: "quiet" }, "Retry");
  #drop = el("button", { type: "button", className: "quiet" }, "Discard");

  /** @param {import("@confab/client").Unsent} item @param {import("@confab/client").Outbox} outbox */
  constructor(item, outbox) {
    const { clientMessageId, content } = item;
    const bubble = el("div", { className: "bubble" }, el("div", { className: "content", dir: "auto" }, rendered(content)));
    const actions = el("div", { className: "actions" }, this.#status, this.#again, this.#drop);
    this.element = el("li", { className: "message own pending" }, bubble, actions);
    this.element.dataset.key = clientMessageId;
    this.#again.addEventListener("click", () => this.#act(() => outbox.retry(clientMessageId)));
    this.#drop.addEventListener("click", () => this.#act(() => outbox.discard(clientMessageId)));
  }

  /** @param {import("@confab/client").Unsent} item @param {boolean} connected */
  update({ state, problem }, connected) {
    const waits = state === "failed" || state === "stale";
    this.#again.hidden = this.#drop.hidden = !waits;
    const shown = state === "queued" && !connected ? "waiting" : state;
    if (shown === this.#state) return;
    this.#state = shown;
    this.element.dataset.state = state;
    setText(this.#again, state === "stale" ? "Send now" : "Retry");
    if (state === "failed") {
      this.#status.replaceChildren("Not sent. ", ...explained(problem));
      announce(`Your message was not sent. ${inWords(problem)}`);
    } else setText(this.#status, WORDS[shown]);
  }

  /** The button that had the focus goes away. @param {() => void} action */
  #act(action) {
    action();
    byId("composer").elements.content.focus();
  }
}

const WORDS = {
  queued: "Sending…",
  sending: "Sending…",
  stored: "Sending…",
  waiting: "Waiting for a connection. It is sent when you're back online.",
  stale: "Written more than an hour ago. Send now?",
};

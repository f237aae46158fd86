import { Messages } from "./messages.js";
import { sentence } from "./changes.js";
import { byId, el } from "./dom.js";
import { when } from "./format.js";
import { MessageItem } from "./message.js";

const NEAR_PX = 80;

/** The log of the open conversation as the page shows it: each entry at its number, once. */
export class LogView {
  #uid;
  #names;
  #chosen;
  #log = byId("log");
  #unsent = byId("unsent");
  #scroller = byId("scroller");
  #messages = new Messages();

  /** @type {Map<number, HTMLElement>} */
  #shown = new Map();
  /** @type {Map<number, MessageItem>} */
  #items = new Map();
  /** @type {Map<number, {entry: import("@confab/client").ConversationChanged, element: HTMLElement}>} */
  #changes = new Map();
  #following = true;
  #resized = new ResizeObserver(() => this.#following && this.scrollToEnd());
  #scrolled = () => (this.#following = this.#atEnd());

  /**
   * @param {string} uid  Whose messages stand on the right
   * @param {import("./names.js").Names} names
   * @param {(item: MessageItem) => void} chosen  A message's menu is asked for
   */
  constructor(uid, names, chosen) {
    this.#uid = uid;
    this.#names = names;
    this.#chosen = chosen;
    this.clear();
    this.#unsent.replaceChildren();
    this.#resized.observe(this.#scroller);
    this.#scroller.addEventListener("scroll", this.#scrolled);
  }

  close() {
    this.#resized.disconnect();
    this.#scroller.removeEventListener("scroll", this.#scrolled);
  }

  /** Drop every entry. */
  clear() {
    for (const known of [this.#messages, this.#shown, this.#items, this.#changes]) known.clear();
    this.#log.replaceChildren();
  }

  /** Whose menus there are. @param {{edit: boolean, manage: boolean}} may  Own messages, or all */
  permit({ edit, manage }) {
    this.#log.classList.toggle("may-edit", edit);
    this.#log.classList.toggle("may-manage", manage);
  }

  /** Show the next entry; who reads the end, or wrote it, sees it. @param {any} entry */
  append(entry) {
    const stay = this.#atEnd() || (entry.kind === "message" && entry.author === this.#uid);
    this.#show(entry);
    if (stay) this.scrollToEnd();
  }

  /** Put older entries in front; what the reader looks at stays where it is. @param {any[]} entries */
  prepend(entries) {
    const fromEnd = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    for (const entry of entries.toReversed()) this.#show(entry);
    this.#scroller.scrollTop = this.#scroller.scrollHeight - fromEnd;
  }

  /** Adopt a state of a message, also of one that is not shown yet. @param {import("@confab/client").Message} state */
  update(state) {
    const latest = this.#messages.take(state);
    if (latest) this.#adopt(latest);
  }

  /** These messages are deleted and nobody's. @param {number[]} seqs */
  erase(seqs) {
    for (const message of this.#messages.erase(seqs)) this.#adopt(message);
  }

  /** Show a message that is on its way, until `append` has it. */
  sending(clientMessageId, content) {
    const text = el("p", { className: "content" }, content);
    const item = el("li", { className: "message own pending" }, el("div", { className: "bubble" }, text));
    item.dataset.key = clientMessageId;
    this.#unsent.append(item);
    this.scrollToEnd();
  }

  /** @param {string} clientMessageId @param {string} why @param {() => void} retry */
  notSent(clientMessageId, why, retry) {
    const item = this.#pending(clientMessageId);
    const button = el("button", { type: "button", className: "quiet" }, "Send again");
    const drop = el("button", { type: "button", className: "quiet" }, "Discard");
    const note = el("p", { className: "refusal" }, why, " ", button, drop);
    button.addEventListener("click", () => {
      note.remove();
      retry();
    });
    drop.addEventListener("click", () => item.remove());
    item.append(note);
    this.scrollToEnd();
  }

  /** A message that was on its way is stored: the log has it, or soon will. */
  stored(clientMessageId, { seq }) {
    const item = this.#pending(clientMessageId, seq);
    if (this.#shown.has(seq)) item?.remove();
    else if (item) item.dataset.seq = String(seq); // it may be deleted and have lost its key before it comes
  }

  scrollToEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }

  #pending(clientMessageId, seq) {
    const known = ({ dataset }) => dataset.key === clientMessageId || dataset.seq === String(seq);
    return [...this.#unsent.children].find(known);
  }

  #show(entry) {
    if (entry.kind === "message") this.#showMessage(entry);
    else if (entry.kind === "message_changed") entry.message && this.update(entry.message);
    else if (entry.kind === "conversation_changed") this.#showChange(entry);
    else if (entry.kind === "finalized") {
      const time = el("time", { dateTime: entry.finalizedAt }, when(entry.finalizedAt));
      this.#insert(entry.seq, el("li", { className: "finalized-mark" }, "Finalized ", time));
    }
  }

  #showMessage(state) {
    const message = this.#messages.take(state) ?? this.#messages.get(state.seq);
    const { seq, author, clientMessageId } = message;
    this.#learn(message);
    if (this.#shown.has(seq)) return this.#adopt(message);
    const item = new MessageItem(message, this.#uid, this.#names, this.#chosen);
    this.#items.set(seq, item);
    this.#insert(seq, item.element);
    this.#pending(author === this.#uid ? clientMessageId : undefined, seq)?.remove();
  }

  #adopt(message) {
    const item = this.#items.get(message.seq);
    if (!item) return;
    const atEnd = this.#atEnd();
    item.update(message);
    for (const each of [item.element, item.element.nextElementSibling]) each && markContinuation(each);
    if (atEnd) this.scrollToEnd();
  }

  #showChange(entry) {
    const text = sentence(entry, this.#uid, this.#names);
    if (!text || this.#shown.has(entry.seq)) return;
    const element = el("li", { className: "change", title: entry.at }, text);
    this.#changes.set(entry.seq, { entry, element });
    this.#insert(entry.seq, element);
  }

  /** A name that is new is a better one for the changes above. */
  #learn({ role, author, metadata }) {
    if (role !== "user" || !this.#names.learn(author, metadata.name)) return;
    for (const { entry, element } of this.#changes.values()) {
      element.textContent = sentence(entry, this.#uid, this.#names);
    }
  }

  /** Put an element at its number, which is nearly always the first or the last. */
  #insert(seq, element) {
    if (this.#shown.has(seq)) return;
    this.#shown.set(seq, element);
    element.dataset.seq = String(seq);
    let next = null;
    const first = this.#log.firstElementChild;
    if (first && seq < Number(first.dataset.seq)) next = first;
    else {
      for (let at = this.#log.lastElementChild; at && Number(at.dataset.seq) > seq; at = at.previousElementSibling) {
        next = at;
      }
    }
    this.#log.insertBefore(element, next);
    markContinuation(element);
    if (next) markContinuation(next);
  }
}

/** Consecutive messages of one author show the name and the avatar once. @param {HTMLElement} item */
function markContinuation({ dataset, classList, previousElementSibling }) {
  classList.toggle("continues", dataset.by !== undefined && previousElementSibling?.dataset.by === dataset.by);
}

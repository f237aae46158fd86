import { announce, arrange, byId, el, Press, setText } from "./dom.js";
import { day, inFull, when } from "./format.js";
import { MessageItem } from "./message.js";
import { sentence } from "./sentence.js";
import { UnsentItem } from "./unsent.js";

const NEAR_PX = 80;

/** A change of the conversation, or its end: shown once, and again with better names. */
class Mark {
  element;
  at;
  #entry;
  #uid;
  #names;

  constructor(entry, uid, names) {
    this.#entry = entry;
    this.#uid = uid;
    this.#names = names;
    this.at = entry.at ?? entry.finalizedAt;
    this.element = el("li", { className: entry.kind === "finalized" ? "finalized-mark" : "change", title: inFull(this.at) });
    this.rename();
  }

  update() {}

  rename() {
    const finalized = this.#entry.kind === "finalized";
    const said = finalized ? [`Finalized ${when(this.at)}`] : sentence(this.#entry, this.#uid, this.#names);
    this.element.hidden = said.length === 0;
    this.element.replaceChildren(...said);
  }
}

/** The log of one conversation: a row for each number and for each unsent message, updated in place. */
export class LogView {
  #user;
  #names;
  #outbox;
  #chosen;
  #scroller = byId("scroller");
  /** @type {Map<number, {entry: object, row: MessageItem | Mark}>} */
  #rows = new Map();
  /** @type {Map<string, UnsentItem>} */
  #unsent = new Map();
  #visible = false;
  #following = true;
  #place = 0;
  #fresh = 0;
  #newest = Infinity;
  #unwatch;
  #ended = new AbortController();
  #resized = new ResizeObserver(() => this.#follow());
  #press;

  /**
   * @param {string} uid  Whose messages stand on the right
   * @param {import("./names.js").Names} names
   * @param {import("@confab/client").Outbox} outbox
   * @param {(item: MessageItem) => void} chosen  A message's menu is asked for
   */
  constructor(uid, names, outbox, chosen) {
    this.#user = uid;
    this.#names = names;
    this.#outbox = outbox;
    this.#chosen = chosen;
    const { signal } = this.#ended;
    this.#press = new Press(this.#scroller, () => this.#follow(), signal);
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { signal });
    byId("newer").addEventListener("click", () => this.#visible && this.scrollToEnd(), { signal });
    this.#unwatch = names.watch(() => this.#rename());
  }

  /** Show it, where it was left. @param {import("@confab/client").LiveState} state */
  show(state) {
    this.#visible = true;
    byId("log").replaceChildren();
    byId("unsent").replaceChildren();
    this.render(state);
    if (this.#following) this.scrollToEnd();
    else this.#scroller.scrollTop = this.#place;
    this.#showFresh();
    this.#resized.observe(this.#scroller);
  }

  hide() {
    this.#visible = false;
    this.#resized.disconnect();
  }

  close() {
    this.hide();
    this.#ended.abort();
    this.#unwatch();
  }

  /** Whose menus there are. @param {{edit: boolean, manage: boolean}} may  Own messages, or all */
  permit({ edit, manage }) {
    byId("log").classList.toggle("may-edit", edit);
    byId("log").classList.toggle("may-manage", manage);
  }

  /** @param {import("@confab/client").LiveState} state */
  render({ conversation, ended, entries, unsent, status, loadingOlder }) {
    this.#count(entries);
    if (!this.#visible) return;
    const anchor = this.#following ? null : this.#anchor();
    arrange(byId("log"), this.#updated(entries));
    const written = this.#updatedUnsent(unsent, status === "live");
    this.#busy(status === "loading" || loadingOlder);
    const empty = conversation && !ended && status !== "loading" && entries.length + unsent.length === 0;
    setText(byId("no-messages"), empty ? "No messages yet. Write the first." : "");
    if (written) this.#following = true;
    if (anchor) this.#scroller.scrollTop += anchor.element.getBoundingClientRect().top - anchor.top;
    else this.#follow();
    this.#showFresh();
  }

  scrollToEnd() {
    this.#following = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** @param {readonly import("@confab/client").Shown[]} entries */
  #updated(entries) {
    const left = new Set(this.#rows.keys());
    const elements = [];
    let before = null;
    for (const entry of entries) {
      left.delete(entry.seq);
      const row = this.#row(entry);
      if (row.element.hidden) continue;
      markPlace(row, before);
      elements.push(row.element);
      before = row;
    }
    for (const seq of left) this.#rows.delete(seq);
    return elements;
  }

  #row(entry) {
    const known = this.#rows.get(entry.seq);
    if (known?.entry === entry) return known.row;
    const message = entry.kind === "message";
    const make = () => (message ? new MessageItem(entry, this.#user, this.#names, this.#chosen) : new Mark(entry, this.#user, this.#names));
    const row = known?.row ?? make();
    if (known) row.update(entry);
    this.#rows.set(entry.seq, { entry, row });
    return row;
  }

  /** Whether there is one that was not there before. */
  #updatedUnsent(unsent, connected) {
    const left = new Set(this.#unsent.keys());
    let written = false;
    const elements = unsent.map((item) => {
      const { clientMessageId: key } = item;
      if (!left.delete(key)) written = Boolean(this.#unsent.set(key, new UnsentItem(item, this.#outbox)));
      const row = this.#unsent.get(key);
      row.update(item, connected);
      return row.element;
    });
    for (const key of left) this.#unsent.delete(key);
    arrange(byId("unsent"), elements);
    return written;
  }

  #rename() {
    for (const { row } of this.#rows.values()) row.rename();
  }

  /** Others' messages that come while the reader looks elsewhere. */
  #count(entries) {
    const newest = entries.at(-1)?.seq ?? 0;
    if (!this.#following || !this.#visible) {
      const others = entries.filter(({ kind, seq, author }) => kind === "message" && seq > this.#newest && author !== this.#user);
      this.#fresh += others.length;
    }
    if (entries.length > 0) this.#newest = newest;
  }

  #showFresh() {
    if (this.#following && this.#visible) this.#fresh = 0;
    byId("newer").hidden = this.#following;
    setText(byId("newer"), this.#fresh > 0 ? `${this.#fresh} new ↓` : "Latest ↓");
  }

  #scrolled() {
    if (!this.#visible) return;
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#place = scrollTop;
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    this.#showFresh();
  }

  #follow() {
    if (this.#visible && this.#following && !this.#press.down) this.scrollToEnd();
  }

  /** The first row on the screen, which is to stay where it is. */
  #anchor() {
    const { top } = this.#scroller.getBoundingClientRect();
    const element = [...byId("log").children].find((row) => row.getBoundingClientRect().bottom > top);
    return element ? { element, top: element.getBoundingClientRect().top } : null;
  }

  /** @param {boolean} busy */
  #busy(busy) {
    byId("log-region").setAttribute("aria-busy", String(busy));
    byId("loading-thread").hidden = !busy || this.#rows.size > 0;
  }
}

/** Consecutive messages of one author show the name and the avatar once; a day begins with its date. */
function markPlace({ element, at }, before) {
  const begins = !before || dateOf(before) !== dateOf({ at });
  if (begins) element.dataset.day = day(at);
  else delete element.dataset.day;
  element.classList.toggle("continues", !begins && element.dataset.by !== undefined && before.element.dataset.by === element.dataset.by);
}

function dateOf({ at }) {
  return new Date(at).toDateString();
}

/** Copy the code whose button was pressed. @param {MouseEvent} event */
export async function copyCode({ target }) {
  const button = /** @type {HTMLElement} */ (target).closest?.(".copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.parentElement.querySelector("code, pre").textContent);
  button.textContent = "Copied";
  announce("The code is copied.");
  setTimeout(() => (button.textContent = "Copy"), 1_500);
}

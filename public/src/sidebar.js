import { byId, el } from "./dom.js";
import { listed, when } from "./format.js";

const PAGE = 20;

/** The user's conversations, latest activity first. */
export class Sidebar {
  #confab;
  #uid;
  #names;
  /** @type {Map<string, import("@confab/client").Conversation>} */
  #shown = new Map();
  #closed = false;
  #cursor = null;
  #current = null;

  /**
   * @param {import("@confab/client").Confab} confab
   * @param {string} uid
   * @param {import("./names.js").Names} names
   */
  constructor(confab, uid, names) {
    this.#confab = confab;
    this.#uid = uid;
    this.#names = names;
    this.#render();
  }

  /** The realtime addresses of the conversations that are shown. */
  get realtimeUrls() {
    return [...new Set([...this.#shown.values()].map(({ realtimeUrl }) => realtimeUrl))];
  }

  /** Read the first page again. Throws ConfabError. */
  async refresh() {
    const { conversations, nextCursor } = await this.#confab.list({ limit: PAGE });
    if (this.#closed) return;
    this.#shown.clear();
    this.#add(conversations, nextCursor);
    byId("no-conversations").hidden = this.#shown.size > 0;
  }

  /** Read what comes after the last one shown. Throws ConfabError. */
  async more() {
    const cursor = this.#cursor;
    const { conversations, nextCursor } = await this.#confab.list({ limit: PAGE, cursor });
    if (this.#closed || cursor !== this.#cursor) return; // read twice, or the list has begun anew meanwhile
    this.#add(conversations, nextCursor);
  }

  /** Its user is gone: what still comes is not shown to the next one. */
  close() {
    this.#closed = true;
  }

  /** Show a conversation as it is now; without one, none is open. */
  select(conversation) {
    this.#current = conversation?.id ?? null;
    if (conversation) this.#put(conversation);
    this.#render();
  }

  /**
   * Something happened in a conversation: it goes to the front.
   *
   * @param {string} id
   * @param {Partial<import("@confab/client").Conversation>} change
   */
  touch(id, change) {
    const known = this.#shown.get(id);
    if (known) this.#put({ ...known, ...change });
    this.#render();
  }

  /** A conversation is gone for this user. @param {string} id */
  remove(id) {
    this.#shown.delete(id);
    this.#render();
    byId("no-conversations").hidden = this.#shown.size > 0;
  }

  #put(conversation) {
    this.#shown.set(conversation.id, conversation);
    byId("no-conversations").hidden = true;
  }

  #add(conversations, nextCursor) {
    for (const conversation of conversations) this.#shown.set(conversation.id, conversation);
    this.#cursor = nextCursor;
    this.#render();
  }

  #render() {
    const latestFirst = [...this.#shown.values()].sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : -1));
    const focused = document.activeElement?.closest("#conversations a")?.hash;
    byId("conversations").replaceChildren(...latestFirst.map((conversation) => this.#item(conversation)));
    if (focused) document.querySelector(`#conversations a[href="${CSS.escape(focused)}"]`)?.focus();
    byId("more-conversations").hidden = this.#cursor === null;
  }

  /** @param {import("@confab/client").Conversation} conversation */
  #item(conversation) {
    const link = el(
      "a",
      { href: `#${conversation.id}` },
      el("span", { className: "title" }, titleOf(conversation)),
      el("time", { dateTime: conversation.updatedAt }, when(conversation.updatedAt)),
      el("span", { className: "meta" }, this.#about(conversation)),
      conversation.status === "finalized" && el("span", { className: "tag" }, "finalized"),
    );
    if (conversation.id === this.#current) link.setAttribute("aria-current", "page");
    return el("li", {}, link);
  }

  #about({ type, owner, members }) {
    const others = [owner, ...members.map(({ userId }) => userId)].filter((uid) => uid !== this.#uid);
    return others.length ? `${type} · with ${listed(others.map((uid) => this.#names.of(uid)))}` : `${type} · only you`;
  }
}

/** @param {import("@confab/client").Conversation} conversation */
export function titleOf({ title, id }) {
  return title || `Untitled ${id.slice(0, 6)}`;
}

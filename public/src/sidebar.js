import { arrange, byId, el, Press, setText } from "./dom.js";
import { initials, avatar, inFull, when } from "./format.js";
import { others, people, titleOf } from "./title.js";

const PAGE = 20;
const POLL_MS = 20_000;

/** @typedef {import("@confab/client").Conversation} Conversation */

/** One conversation in the list, updated in place. */
class Row {
  element;
  #link;
  #avatar = el("span");
  #title = el("span", { className: "title", dir: "auto" });
  #time = el("time");
  #meta = el("span", { className: "meta" });
  #tag = el("span", { className: "tag" }, "finalized");
  #uid;
  #names;

  constructor(id, uid, names) {
    this.#uid = uid;
    this.#names = names;
    this.#link = el("a", { href: `#${id}` }, this.#avatar, this.#title, this.#time, this.#meta, this.#tag);
    this.element = el("li", {}, this.#link);
  }

  /** @param {Conversation} conversation @param {boolean} current */
  update(conversation, current) {
    const { updatedAt, status } = conversation;
    setText(this.#title, titleOf(conversation));
    setText(this.#time, when(updatedAt));
    Object.assign(this.#time, { dateTime: updatedAt, title: inFull(updatedAt) });
    this.#meta.replaceChildren(...people(conversation, this.#uid, this.#names));
    this.#tag.hidden = status !== "finalized";
    const [first] = others(conversation, this.#uid);
    const shown = first === undefined ? avatar(this.#uid, initials(titleOf(conversation))) : this.#names.avatar(first);
    this.#avatar.replaceWith(shown);
    this.#avatar = shown;
    if (current) this.#link.setAttribute("aria-current", "page");
    else this.#link.removeAttribute("aria-current");
  }
}

/** The user's conversations, latest activity first. */
export class Sidebar {
  #confab;
  #uid;
  #names;
  /** @type {Map<string, Conversation>} */
  #shown = new Map();
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #ended = new AbortController();
  #press = new Press(byId("conversations"), () => this.#render(), this.#ended.signal);
  #cursor = null;
  #current = null;
  #read = false;
  #poll;
  #unwatch;

  /**
   * @param {import("@confab/client").Confab} confab
   * @param {string} uid
   * @param {import("./names.js").Names} names
   */
  constructor(confab, uid, names) {
    this.#confab = confab;
    this.#uid = uid;
    this.#names = names;
    this.#unwatch = names.watch(() => this.#render());
    this.#poll = setInterval(() => document.visibilityState === "visible" && this.poll(), POLL_MS);
    this.#render();
  }

  /** The realtime addresses of the conversations that are shown. */
  get realtimeUrls() {
    return [...new Set([...this.#shown.values()].map(({ realtimeUrl }) => realtimeUrl))];
  }

  /** @param {string} id */
  get(id) {
    return this.#shown.get(id);
  }

  /** Read the first page again; pages below it stay. Throws ConfabError. */
  async refresh() {
    const { conversations, nextCursor } = await this.#confab.list({ limit: PAGE });
    if (this.#ended.signal.aborted) return;
    this.#read = true;
    const continues = nextCursor !== null && conversations.some(({ id }) => this.#shown.has(id));
    const end = conversations.at(-1)?.updatedAt ?? "";
    for (const { id, updatedAt } of [...this.#shown.values()]) {
      if (id !== this.#current && (!continues || updatedAt > end)) this.#shown.delete(id); // the page would have it
    }
    if (!continues) this.#cursor = nextCursor;
    this.#add(conversations);
  }

  /** As `refresh`, where nobody waits for it: the next one may succeed. */
  async poll() {
    await this.refresh().catch(() => undefined);
  }

  /** Read what comes after the last one shown. Throws ConfabError. */
  async more() {
    const cursor = this.#cursor;
    const { conversations, nextCursor } = await this.#confab.list({ limit: PAGE, cursor });
    if (this.#ended.signal.aborted || cursor !== this.#cursor) return; // read twice, or the list has begun anew meanwhile
    this.#cursor = nextCursor;
    this.#add(conversations);
  }

  /** Its user is gone: what still comes is not shown to the next one. */
  close() {
    this.#ended.abort();
    this.#unwatch();
    clearInterval(this.#poll);
  }

  /** Mark the conversation that is open. @param {string | null} id */
  select(id) {
    this.#current = id;
    this.#render();
  }

  /** A conversation as it is now. @param {Conversation} conversation @param {string} activeAt  Of its last message */
  touch(conversation, activeAt) {
    const known = this.#shown.get(conversation.id);
    const updatedAt = [conversation.updatedAt, activeAt, known?.updatedAt ?? ""].reduce((one, other) => (one > other ? one : other));
    if (known?.seq === conversation.seq && known.updatedAt === updatedAt) return;
    this.#shown.set(conversation.id, { ...conversation, updatedAt });
    this.#render();
  }

  /** A conversation is gone for this user. @param {string} id */
  remove(id) {
    if (this.#shown.delete(id)) this.#render();
  }

  #add(conversations) {
    for (const conversation of conversations) {
      const known = this.#shown.get(conversation.id);
      if (!known || known.seq <= conversation.seq) this.#shown.set(conversation.id, conversation);
    }
    this.#render();
  }

  /** Rows stay as they are while a pointer is down on one: the click is to hit what the user saw. */
  #render() {
    if (this.#press.down) return;
    const latestFirst = [...this.#shown.values()].sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : -1));
    for (const conversation of latestFirst) this.#row(conversation.id).update(conversation, conversation.id === this.#current);
    arrange(byId("conversations"), latestFirst.map(({ id }) => this.#row(id).element));
    for (const id of this.#rows.keys()) if (!this.#shown.has(id)) this.#rows.delete(id);
    byId("loading-list").hidden = this.#read || this.#shown.size > 0;
    byId("list").setAttribute("aria-busy", String(!this.#read));
    byId("no-conversations").hidden = !this.#read || this.#shown.size > 0;
    byId("more-conversations").hidden = this.#cursor === null;
  }

  #row(id) {
    const known = this.#rows.get(id);
    if (known) return known;
    const row = new Row(id, this.#uid, this.#names);
    this.#rows.set(id, row);
    return row;
  }
}

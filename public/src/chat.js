import { byId } from "./dom.js";
import { host, listed } from "./format.js";
import { LogView } from "./log.js";
import { inWords, reporting, showError } from "./notices.js";
import { titleOf } from "./sidebar.js";

const PAGE = 50;
const STATES = {
  connecting: "Connecting to",
  joining: "Catching up on",
  live: "Live on",
  reconnecting: "Reconnecting to",
  closed: "Not connected to",
};

/** One open conversation: its log, who types, and what may be written. */
export class Chat {
  /** @type {import("../confab.js").Conversation} */
  #conversation;
  #confab;
  #user;
  #names;
  #changed;
  #view;
  #room = null;
  #closed = false;
  #oldest = 1;
  #readingOlder = false;
  #trouble = "";

  /**
   * @param {import("../confab.js").Confab} confab
   * @param {{uid: string, name: string}} user
   * @param {import("./names.js").Names} names
   * @param {{conversation: import("../confab.js").Conversation,
   *   messages: import("../confab.js").Message[], hasMore: boolean}} page  Its newest page
   * @param {(change: object) => void} changed  The conversation changed in these fields
   */
  constructor(confab, user, names, { conversation, messages, hasMore }, changed) {
    this.#confab = confab;
    this.#user = user;
    this.#names = names;
    this.#changed = changed;
    this.#conversation = conversation;
    this.#view = new LogView(user.uid, names);
    this.#oldest = messages[0]?.seq ?? 1;
    this.#view.prepend(messages);
    if (conversation.finalizedAt) this.#view.finalized(conversation.finalizedAt);
    byId("older").hidden = !hasMore;
    byId("open").hidden = false;
    byId("nothing-open").hidden = true;
    byId("typing").textContent = "";
    byId("connection").textContent = "";
    byId("composer").reset();
    this.#showHead();
    this.#view.scrollToEnd();
  }

  /** Follow it live from where its page ended. */
  async follow() {
    const { id, seq, realtimeUrl } = this.#conversation;
    const handlers = {
      onMessage: (message) => this.#message(message),
      onFinalized: (end) => this.#finalized(end),
      onTyping: (userIds) => this.#typing(userIds),
      onState: () => this.#showState(),
      onTrouble: (error) => this.#troubled(error),
      onError: showError,
    };
    const room = await this.#confab.open(id, handlers, { after: seq, realtimeUrl });
    if (this.#closed) return room.close();
    this.#room = room;
    this.#showState();
  }

  close() {
    this.#closed = true;
    this.#room?.close();
    this.#view.close();
    this.#troubled(null);
    byId("open").hidden = true;
    byId("nothing-open").hidden = false;
  }

  /** Show what was written before, a page at a time. Throws ConfabError. */
  async older() {
    if (this.#readingOlder) return;
    this.#readingOlder = true;
    try {
      const query = { before: this.#oldest, limit: PAGE };
      const { messages, hasMore } = await this.#confab.get(this.#conversation.id, query);
      if (this.#closed) return;
      this.#oldest = messages[0]?.seq ?? 1;
      this.#view.prepend(messages);
      byId("older").hidden = !hasMore;
    } finally {
      this.#readingOlder = false;
    }
  }

  /** Close the log for good. Throws ConfabError. */
  async finalize() {
    await this.#confab.finalize(this.#conversation.id);
  }

  keystroke() {
    this.#room?.typing();
  }

  /** @param {string} content @param {"user" | "assistant" | "system"} role */
  write(content, role) {
    const clientMessageId = crypto.randomUUID();
    this.#view.sending(clientMessageId, content);
    this.#send(content, { role, clientMessageId, metadata: role === "user" ? { name: this.#user.name } : {} });
  }

  async #send(content, more) {
    try {
      await this.#room.send(content, more);
    } catch (error) {
      if (!this.#closed) {
        this.#view.notSent(more.clientMessageId, inWords(error), () => this.#send(content, more));
      }
    }
  }

  #message(message) {
    this.#view.append(message);
    this.#changed({ seq: message.seq, updatedAt: message.createdAt });
  }

  #finalized({ seq, finalizedAt }) {
    this.#conversation = { ...this.#conversation, status: "finalized", seq, finalizedAt };
    this.#view.finalized(finalizedAt);
    this.#typing([]);
    this.#changed({ status: "finalized", seq, finalizedAt, updatedAt: finalizedAt });
    this.#showHead();
  }

  #typing(userIds) {
    const names = userIds.map((uid) => this.#names.of(uid));
    byId("typing").textContent = names.length ? `${listed(names)} ${names.length > 1 ? "are" : "is"} typing` : "";
  }

  #showState() {
    if (!this.#room) return;
    const shown = byId("connection");
    shown.textContent = `${STATES[this.#room.state]} ${host(this.#room.url)}`;
    shown.dataset.state = this.#room.state;
  }

  /** @param {import("../confab.js").ConfabError | null} error */
  #troubled(error) {
    const words = error ? inWords(error) : "";
    if (words === this.#trouble) return; // the same again is not to be read out again
    this.#trouble = words;
    byId("trouble").textContent = words;
    byId("trouble").hidden = error === null;
  }

  #showHead() {
    const { type, owner, members, status } = this.#conversation;
    const mine = owner === this.#user.uid;
    const people = members.length + 1;
    byId("thread-title").textContent = titleOf(this.#conversation);
    byId("thread-meta").textContent =
      `${type} · ${people === 1 ? "only you" : `${people} people`} · ${mine ? "owner" : "member"}`;
    byId("finalize").hidden = !mine || status === "finalized";
    byId("role-choice").hidden = !mine;
    this.#lock(this.#whyLocked());
  }

  /** Why this user cannot write, or null. */
  #whyLocked() {
    const { status, members } = this.#conversation;
    if (status === "finalized") return "This conversation is finalized. Nothing can be added to it.";
    const readOnly = members.some(({ userId, access }) => userId === this.#user.uid && access === "read");
    return readOnly ? "You have read-only access." : null;
  }

  #lock(why) {
    byId("locked").hidden = why === null;
    byId("locked").textContent = why ?? "";
    byId("composer").hidden = why !== null;
    for (const control of byId("composer").elements) control.disabled = why !== null;
  }
}

/**
 * Wire the controls of the open conversation, once.
 *
 * @param {() => Chat | null} current
 */
export function prepareChat(current) {
  const composer = byId("composer");
  const { content, role } = composer.elements;
  content.addEventListener("input", () => current()?.keystroke());
  content.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || isForInputMethod(event)) return;
    event.preventDefault();
    composer.requestSubmit();
  });
  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    if (content.value.trim() === "") return;
    current()?.write(content.value, role.value);
    content.value = "";
    content.focus();
  });
  byId("older").addEventListener("click", () => reporting(async () => await current()?.older()));
  const confirm = byId("confirm-finalize");
  let asked = null; // by the time of the answer, the browser's Back may have opened another
  byId("finalize").addEventListener("click", () => {
    asked = current();
    confirm.returnValue = "";
    confirm.showModal();
  });
  confirm.addEventListener("close", () => {
    if (confirm.returnValue === "finalize") reporting(async () => await asked?.finalize());
  });
}

/**
 * Whether a key is an input method's own, as the Enter is that ends a composition. Safari ends the
 * composition before it tells of that key, which its keyCode alone then marks (UI Events, `keyCode`).
 *
 * @param {KeyboardEvent} event
 */
function isForInputMethod(event) {
  return event.isComposing || event.keyCode === 229;
}

import { Confab } from "@confab/client";

import { nameOf, watchAccount } from "./account.js";
import { Chat } from "./chat.js";
import { focusComposer, prepareChat, showDraft } from "./controls.js";
import { prepareCreate } from "./create.js";
import { Developer } from "./developer.js";
import { byId } from "./dom.js";
import { connectAuth } from "./firebase.js";
import { isLoopback, localOverride, otherInstancePage } from "./loopback.js";
import { prepareMembers } from "./members.js";
import { Names } from "./names.js";
import { clearNotices, reporting, showError } from "./notices.js";
import { Sidebar } from "./sidebar.js";

/** Conversations that stay open, and keep the pages that were loaded, while another is shown. */
const KEPT_OPEN = 8;

/** The page of one signed-in user; replaced as a whole when another signs in. */
class Desk {
  #user;
  #page;
  /** By conversation, the one shown last at the end. @type {Map<string, Chat>} */
  #chats = new Map();
  /** @type {Chat | null} */
  chat = null;
  /** Whether this browser keeps what is unsent over a reload. */
  #keeps = true;

  /** @param {import("@firebase/auth").User} user @param {Developer} developer */
  constructor(user, developer) {
    const { uid } = user;
    this.#user = { uid, name: nameOf(user) };
    this.confab = new Confab({
      getToken: (force) => user.getIdToken(force),
      userId: uid,
      realtimeUrl: localOverride(location, "realtime"),
      onProblem: (error) => error?.code === "storage" && this.#unkept(error),
      fetch: developer.fetch,
      io: developer.io,
    });
    developer.watch(this.confab.outbox);
    const names = new Names(uid, this.#user.name);
    const changed = (chat) => this.#changed(chat);
    this.#page = { names, developer, changed, sidebar: new Sidebar(this.confab, uid, names) };
  }

  get sidebar() {
    return this.#page.sidebar;
  }

  /** Whether a message has yet to be sent, or would be lost, if the page were closed now. */
  get unsafe() {
    return this.confab.outbox.items().some(({ state, conversationId, clientMessageId }) => {
      const unsent = this.#chats.get(conversationId)?.live.state.unsent; // without those that the log shows already
      const waits = !unsent || unsent.some((item) => item.clientMessageId === clientMessageId);
      return waits && (state === "queued" || state === "sending" || !this.#keeps);
    });
  }

  async refresh() {
    await this.sidebar.refresh();
    this.#offerSecondTab();
  }

  /** Show the conversation that the address names, or none. */
  openNamed() {
    const id = decodeURIComponent(location.hash.slice(1));
    clearNotices();
    this.#leave();
    document.body.dataset.view = id ? "thread" : "list";
    this.sidebar.select(id || null);
    if (!id) return;
    this.chat = this.#chatOf(id);
    this.chat.show();
    showDraft(() => this.chat);
    focusComposer();
    this.#changed(this.chat);
  }

  /** Open again what had ended, as after somebody was added again. */
  reopen() {
    this.#forget(this.chat);
    this.openNamed();
  }

  close() {
    this.#leave();
    for (const chat of [...this.#chats.values()]) this.#forget(chat);
    this.sidebar.close();
    this.confab.close();
  }

  /** @param {string} id */
  #chatOf(id) {
    const known = this.#chats.get(id);
    if (known?.over) this.#forget(known);
    const chat = this.#chats.get(id) ?? new Chat(this.confab, id, this.#user, this.#page);
    this.#chats.delete(id);
    this.#chats.set(id, chat);
    if (this.#chats.size > KEPT_OPEN) this.#forget(this.#chats.values().next().value);
    return chat;
  }

  /** @param {Chat} chat */
  #forget(chat) {
    if (this.chat === chat) this.chat = null;
    this.#chats.delete(chat.id);
    chat.close();
  }

  /** If what the address names cannot be opened, the list is shown, and why. @param {Chat} chat */
  #changed(chat) {
    if (chat !== this.chat) return;
    const { refusal } = chat;
    if (!refusal) return this.#offerSecondTab();
    this.#forget(chat);
    history.replaceState(null, "", location.pathname + location.search);
    this.openNamed();
    showError(refusal);
  }

  #leave() {
    this.chat?.hide();
    this.chat = null;
  }

  #unkept(error) {
    if (this.#keeps) showError(error);
    this.#keeps = false;
  }

  #offerSecondTab() {
    const current = this.chat?.live.room?.url ?? localOverride(location, "realtime") ?? this.sidebar.realtimeUrls[0];
    const link = current ? otherInstancePage(location, current, this.sidebar.realtimeUrls) : null;
    byId("second-tab").hidden = link === null;
    if (link) byId("second-tab").querySelector("a").href = link;
  }
}

/** @type {Desk | null} */
let desk = null;

/** @param {import("@firebase/auth").User | null} user */
async function signedIn(user) {
  desk?.close();
  desk = user && new Desk(user, developer);
  document.body.dataset.view = user ? "list" : "welcome";
  document.body.removeAttribute("aria-busy");
  if (!desk) return;
  desk.openNamed();
  await reporting(() => desk.refresh());
}

const developer = new Developer();
document.body.classList.toggle("local", isLoopback(location.hostname));
prepareChat(() => desk?.chat ?? null);
prepareMembers(() => desk?.chat ?? null);
prepareCreate(
  () => desk.confab,
  ({ id }) => (location.hash = id),
);
byId("refresh").addEventListener("click", () => reporting(() => desk.refresh()));
byId("more-conversations").addEventListener("click", () => reporting(() => desk.sidebar.more()));
byId("conversations").addEventListener("click", ({ target }) => {
  const again = target.closest("a")?.hash === location.hash; // which changes nothing, so nobody is told
  if (again && desk.chat?.over) desk.reopen();
});
byId("back").addEventListener("click", () => (location.hash = ""));
addEventListener("hashchange", () => desk?.openNamed());
addEventListener("beforeunload", (event) => desk?.unsafe && event.preventDefault());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && desk?.sidebar.poll());
reporting(async () => watchAccount(await connectAuth(location), signedIn));

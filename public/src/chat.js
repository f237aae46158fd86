import { confirmed } from "./confirm.js";
import { closeOverlays, closeRename } from "./controls.js";
import { byId, el, setText } from "./dom.js";
import { host, listed, plain } from "./format.js";
import { LogView } from "./log.js";
import { showMembers } from "./members.js";
import { aboutConnection, showError } from "./notices.js";
import { people, titleOf } from "./title.js";

const STATES = {
  loading: "Loading…",
  connecting: "Connecting…",
  joining: "Catching up…",
  live: "Live",
  reconnecting: "Reconnecting…",
  closed: "Not connected",
};
const SLOW_MS = 8_000;
const CHECK_MS = 4_000;
/** A connection that comes back within this time worries nobody. */
const CALM_MS = 5_000;
const GONE = "You can no longer open this conversation: it was deleted, or you were removed from it.";

/** @typedef {import("@confab/client").Conversation} Conversation */

/** One conversation: followed live until `close`, and shown between `show` and `hide`. */
export class Chat {
  live;
  #confab;
  #user;
  #names;
  #sidebar;
  #developer;
  #view;
  #unsubscribe;
  #unwatch;
  #visible = false;
  #slow = 0;
  #seen = /** @type {readonly import("@confab/client").Shown[]} */ ([]);
  /** @type {import("./message.js").MessageItem | null} Whose menu was opened last */
  #chosen = null;
  #problem = null;
  #problemSince = Infinity;

  /**
   * @param {import("@confab/client").Confab} confab
   * @param {string} id
   * @param {{uid: string, name: string}} user
   * @param {{names: import("./names.js").Names, sidebar: import("./sidebar.js").Sidebar,
   *   developer: import("./developer.js").Developer, changed: (chat: Chat) => void}} page
   */
  constructor(confab, id, user, { names, sidebar, developer, changed }) {
    this.#confab = confab;
    this.#user = user;
    this.#names = names;
    this.#sidebar = sidebar;
    this.#developer = developer;
    this.live = confab.follow(id);
    this.#view = new LogView(user.uid, names, confab.outbox, (item) => this.#choose(item));
    this.#unsubscribe = this.live.subscribe(() => {
      this.#changed();
      changed(this);
    });
    this.#unwatch = names.watch(() => this.#showHead());
    this.#slow = setInterval(() => this.#check(), CHECK_MS);
  }

  get id() {
    return this.live.conversationId;
  }

  show() {
    this.#visible = true;
    byId("open").hidden = false;
    byId("nothing-open").hidden = true;
    this.#showHead();
    this.#view.show(this.#shown);
    this.#showTyping();
    this.#showProblem();
  }

  hide() {
    if (!this.#visible) return;
    this.#visible = false;
    this.#view.hide();
    this.live.room?.stopTyping();
    closeOverlays();
    document.title = "Confab";
    byId("open").hidden = true;
    byId("nothing-open").hidden = false;
  }

  close() {
    this.hide();
    clearInterval(this.#slow);
    this.#unsubscribe();
    this.#unwatch();
    this.#view.close();
    this.live.close();
  }

  /** What could not be opened at all, or null. */
  get refusal() {
    const { ended, conversation } = this.live.state;
    return conversation === null ? (ended?.error ?? null) : null;
  }

  /** Show what was written before, a page at a time. Throws ConfabError. */
  async older() {
    await this.live.loadOlder();
  }

  /** Lock it permanently. Throws ConfabError. */
  async finalize() {
    this.live.adopt(await this.#confab.finalize(this.id));
  }

  /** Rename it or hand it over. Throws ConfabError. @param {{title?: string | null, owner?: string}} change */
  async update(change) {
    this.live.adopt(await this.#confab.updateConversation(this.id, change));
  }

  /** Throws ConfabError. @param {string} userId @param {"write" | "read"} access */
  async setMember(userId, access) {
    this.live.adopt(await this.#confab.setMember(this.id, userId, access));
  }

  /** Throws ConfabError. @param {string} userId */
  async removeMember(userId) {
    const conversation = await this.#confab.removeMember(this.id, userId);
    if (conversation) this.live.adopt(conversation);
  }

  /** Throws ConfabError. */
  async leave() {
    await this.#confab.removeMember(this.id, this.#user.uid);
    this.#goAway();
  }

  /** Delete it with everything in it. Throws ConfabError. */
  async delete() {
    await this.#confab.deleteConversation(this.id);
    this.#goAway();
  }

  /** Change the words of the chosen message. */
  editChosen() {
    const { seq } = this.#chosen.message;
    this.#chosen.edit((content) => this.live.edit(seq, { content }));
  }

  /** Throws ConfabError. */
  async deleteChosen() {
    const { seq } = this.#chosen.message;
    if (await confirmed("Delete this message?", "Everyone will see that it was deleted.", "Delete")) await this.live.delete(seq);
  }

  /** What the members dialog shows. */
  get membership() {
    const { owner, members, status } = this.live.state.conversation;
    return { owner, members, me: this.#user.uid, names: this.#names, open: status === "active" && this.over === null };
  }

  get title() {
    return this.live.state.conversation?.title ?? "";
  }

  /** Why the conversation is over for this user, or null. */
  get over() {
    const { ended, entries } = this.live.state;
    if (ended === null) return null;
    if (ended.reason === "deleted") return "This conversation was deleted.";
    if (ended.reason === "error") return GONE;
    const removal = entries.findLast((entry) => entry.kind === "conversation_changed" && entry.changes.removed?.includes(this.#user.uid));
    if (removal?.by === this.#user.uid) return "You left this conversation.";
    return `${removal ? plain(this.#names.of(removal.by)) : "The owner"} removed you from this conversation.`;
  }

  /** @param {string} content @param {"user" | "assistant" | "system"} role */
  write(content, role) {
    const metadata = role === "user" ? { name: this.#user.name } : {};
    this.live.send(content, { role, metadata }).catch((error) => {
      if (error.code === "busy") showError(error); // else its row says so
    });
  }

  #changed() {
    const { conversation, entries, ended } = this.live.state;
    if (entries !== this.#seen) this.#names.learn(entries);
    this.#seen = entries;
    const last = entries.at(-1);
    if (ended && conversation) this.#sidebar.remove(this.id);
    else if (conversation) this.#sidebar.touch(conversation, last?.kind === "message" ? last.createdAt : "");
    if (ended?.reason === "deleted" && this.#visible) closeOverlays();
    this.#view.render(this.#shown);
    if (!this.#visible) return;
    this.#showHead();
    this.#showTyping();
    this.#showProblem();
    this.#closeMenuOfDeleted();
  }

  /** Of a deleted conversation, nothing stays on the screen. */
  get #shown() {
    const { state } = this.live;
    return state.ended?.reason === "deleted" ? { ...state, entries: [], unsent: [] } : state;
  }

  #choose(item) {
    this.#chosen = item;
    byId("edit-message").hidden = item.message.author !== this.#user.uid;
  }

  #closeMenuOfDeleted() {
    const menu = byId("message-menu");
    if (!this.#chosen?.message.deletedAt || !menu.matches(":popover-open")) return;
    menu.hidePopover();
    this.#chosen.element.focus();
  }

  #goAway() {
    this.#sidebar.remove(this.id);
    if (this.#visible) location.hash = "";
  }

  #showTyping() {
    const typists = this.live.state.typing.map((uid) => this.#names.shown(uid));
    const words = typists.length ? [...listed(typists), ` ${typists.length > 1 ? "are" : "is"} typing`] : [];
    byId("typing").replaceChildren(...words);
  }

  #check() {
    if (!this.#visible) return;
    this.#showState();
    this.#showProblem();
  }

  /** What goes on for too long is said: a message that is not confirmed, though the connection looks alive. */
  #showState() {
    if (!this.#visible) return;
    const { status, unsent, problem, entries, conversation } = this.live.state;
    const late = unsent.some(({ state, queuedAt }) => (state === "queued" || state === "sending") && Date.now() - queuedAt > SLOW_MS);
    const shown = byId("connection");
    const words = problem && status !== "live" ? "Updates are late" : late && status === "live" ? "Sending is slow" : STATES[status];
    const { url } = this.live.room ?? {};
    const address = byId("connection-address");
    setText(byId("connection-state"), navigator.onLine ? words : "Offline");
    setText(address, url ? ` on ${host(url)}` : "");
    shown.dataset.state = late || problem ? "late" : status;
    const { seq = 0, type = "–", owner = "–" } = conversation ?? {};
    const last = String(Math.max(seq, entries.at(-1)?.seq ?? 0));
    this.#developer.describe({ state: status, address: url ?? "–", conversation: this.id, type, owner, "last number": last });
  }

  #showProblem() {
    const { problem, status } = this.live.state;
    if (problem === null) this.#problemSince = Infinity;
    else this.#problemSince = Math.min(this.#problemSince, performance.now());
    const calm = navigator.onLine && performance.now() - this.#problemSince < CALM_MS;
    const shown = status === "live" || calm ? null : problem;
    byId("trouble").hidden = shown === null;
    if (shown?.message === this.#problem?.message && shown?.code === this.#problem?.code) return; // the same is not read out again
    this.#problem = shown;
    byId("trouble").replaceChildren(...(shown ? aboutConnection(shown) : []));
  }

  #showHead() {
    if (!this.#visible) return;
    this.#showState();
    const { conversation, hasOlder, loadingOlder } = this.live.state;
    const older = byId("older");
    older.hidden = !hasOlder;
    older.disabled = loadingOlder;
    setText(older, loadingOlder ? "Loading…" : "Load older");
    if (conversation) this.#showConversation(conversation);
    else this.#showLoading();
  }

  #showLoading() {
    const known = this.#sidebar.get(this.id);
    setText(byId("thread-title"), known ? titleOf(known) : "Loading…");
    byId("thread-meta").replaceChildren();
    for (const id of ["show-members", "thread-menu-button"]) byId(id).hidden = true;
    this.#lock(null);
  }

  /** @param {Conversation} conversation */
  #showConversation(conversation) {
    const { owner, members, status } = conversation;
    const mine = owner === this.#user.uid;
    const why = this.#whyLocked();
    const wiring = el("span", { className: "dev" }, mine ? "owner · " : "member · ");
    setText(byId("thread-title"), titleOf(conversation));
    document.title = `${plain(titleOf(conversation))} · Confab`;
    byId("thread-meta").replaceChildren(wiring, ...people(conversation, this.#user.uid, this.#names));
    byId("show-members").hidden = this.over !== null;
    byId("thread-menu-button").hidden = this.over !== null || !mine;
    for (const id of ["rename", "finalize"]) byId(id).hidden = status === "finalized";
    if (why !== null || !mine) closeRename();
    byId("role-choice").hidden = !mine;
    this.#view.permit({ edit: why === null, manage: why === null && mine });
    this.#lock(why);
    showMembers(this.membership);
  }

  /** Why this user cannot write, or null. */
  #whyLocked() {
    const { status, members } = this.live.state.conversation;
    if (this.over !== null) return this.over;
    if (status === "finalized") return "This conversation is finalized. Nothing can be added to it.";
    const readOnly = members.some(({ userId, access }) => userId === this.#user.uid && access === "read");
    return readOnly ? "You have read-only access." : null;
  }

  #lock(why) {
    byId("locked").hidden = why === null;
    setText(byId("locked"), why ?? "");
    byId("composer").hidden = why !== null;
    for (const control of byId("composer").elements) control.disabled = why !== null;
  }
}

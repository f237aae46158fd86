import { confirmed } from "./confirm.js";
import { closeOverlays, closeRename } from "./controls.js";
import { byId } from "./dom.js";
import { host, listed } from "./format.js";
import { readBelow } from "./history.js";
import { LogView } from "./log.js";
import { showMembers } from "./members.js";
import { inWords, reporting, showError } from "./notices.js";
import { titleOf } from "./sidebar.js";

const STATES = {
  connecting: "Connecting to",
  joining: "Catching up on",
  live: "Live on",
  reconnecting: "Reconnecting to",
  closed: "Not connected to",
};
const GONE = "You can no longer open this conversation: it was deleted, or you were removed from it.";

/** One open conversation: its log, who types, and what may be done. */
export class Chat {
  /** @type {import("@confab/client").Conversation} */
  #conversation;
  #confab;
  #user;
  #names;
  #sidebar;
  #view;
  #room = null;
  #closed = false;
  /** Why the conversation is over for this user. @type {string | null} */
  over = null;
  #removedBy = "";
  /** @type {import("./message.js").MessageItem | null} Whose menu was opened last */
  #chosen = null;
  #oldest = Infinity;
  /** The read of older entries that is under way; a reset gives it up. @type {object | null} */
  #reading = null;
  #dropped = false;
  #trouble = "";

  /**
   * @param {import("@confab/client").Confab} confab
   * @param {{uid: string, name: string}} user
   * @param {import("./names.js").Names} names
   * @param {Awaited<ReturnType<typeof import("./history.js").readNewest>>} newest
   * @param {import("./sidebar.js").Sidebar} sidebar
   */
  constructor(confab, user, names, { conversation, entries }, sidebar) {
    this.#confab = confab;
    this.#user = user;
    this.#names = names;
    this.#sidebar = sidebar;
    this.#conversation = conversation;
    this.#view = new LogView(user.uid, names, (item) => this.#choose(item));
    this.#showOlder(entries);
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
    const { id, seq, erasures, realtimeUrl } = this.#conversation;
    const handlers = {
      onJoined: ({ conversation }) => this.#joined(conversation),
      onMessage: (message) => this.#message(message),
      onMessageChanged: (entry) => this.#show(entry),
      onConversationChanged: (entry) => this.#conversationChanged(entry),
      onFinalized: (entry) => this.#finalized(entry),
      onErased: ({ seqs }) => this.#view.erase(seqs),
      onReset: () => this.#reset(),
      onLeft: ({ reason }) => this.#left(reason),
      onTyping: (userIds) => this.#typing(userIds),
      onState: () => this.#showState(),
      onProblem: (error) => this.#troubled(error),
      onError: (error) => (error.code === "not_found" ? this.#end(GONE) : showError(error)),
    };
    const room = await this.#confab.open(id, handlers, { after: seq, erasures, realtimeUrl });
    if (this.#closed) return room.close();
    this.#room = room;
    this.#showState();
  }

  close() {
    this.#closed = true;
    this.#room?.close();
    this.#view.close();
    this.#troubled(null);
    closeOverlays();
    byId("open").hidden = true;
    byId("nothing-open").hidden = false;
  }

  /** Show what was written before, a page at a time. Throws ConfabError. */
  async older() {
    if (!this.#reading) await this.#readBelow(this.#oldest);
  }

  /** Close the log for good. Throws ConfabError. */
  async finalize() {
    await this.#confab.finalize(this.#conversation.id);
  }

  /** Rename it or hand it over. Throws ConfabError. @param {{title?: string | null, owner?: string}} change */
  async update(change) {
    this.#adopt(await this.#confab.updateConversation(this.#conversation.id, change));
  }

  /** Throws ConfabError. @param {string} userId @param {"write" | "read"} access */
  async setMember(userId, access) {
    this.#adopt(await this.#confab.setMember(this.#conversation.id, userId, access));
  }

  /** Throws ConfabError. @param {string} userId */
  async removeMember(userId) {
    this.#adopt(await this.#confab.removeMember(this.#conversation.id, userId));
  }

  /** Throws ConfabError. */
  async leave() {
    await this.#confab.removeMember(this.#conversation.id, this.#user.uid);
    this.#goAway();
  }

  /** Delete it with everything in it. Throws ConfabError. */
  async delete() {
    await this.#confab.deleteConversation(this.#conversation.id);
    this.#goAway();
  }

  /** Change the words of the chosen message. */
  editChosen() {
    const { seq } = this.#chosen.message;
    this.#chosen.edit(async (content) => {
      this.#view.update(await this.#confab.editMessage(this.#conversation.id, seq, { content }));
    });
  }

  /** Throws ConfabError. */
  async deleteChosen() {
    const { seq } = this.#chosen.message;
    if (!(await confirmed("Delete this message?", "Everyone will see that it was deleted.", "Delete"))) return;
    this.#view.update(await this.#confab.deleteMessage(this.#conversation.id, seq));
  }

  /** What the members dialog shows. */
  get membership() {
    const { owner, members, status } = this.#conversation;
    return { owner, members, me: this.#user.uid, names: this.#names, open: status === "active" && this.over === null };
  }

  get title() {
    return this.#conversation.title ?? "";
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
      const message = await this.#room.send(content, more);
      if (!this.#closed) this.#view.stored(more.clientMessageId, message);
    } catch (error) {
      if (!this.#closed) {
        this.#view.notSent(more.clientMessageId, inWords(error), () => this.#send(content, more));
      }
    }
  }

  async #readBelow(end) {
    const reading = (this.#reading = {});
    try {
      const entries = await readBelow(this.#confab, this.#conversation.id, end);
      if (!this.#closed && reading === this.#reading) this.#showOlder(entries);
    } finally {
      if (reading === this.#reading) this.#reading = null;
    }
  }

  #showOlder(entries) {
    this.#view.prepend(entries);
    this.#oldest = entries[0]?.seq ?? 1;
    byId("older").hidden = this.#oldest === 1;
  }

  #choose(item) {
    this.#chosen = item;
    byId("edit-message").hidden = item.message.author !== this.#user.uid;
  }

  #show(entry) {
    this.#view.append(entry);
    const menu = byId("message-menu");
    if (!this.#chosen?.message.deletedAt || !menu.matches(":popover-open")) return;
    menu.hidePopover();
    this.#chosen.element.focus();
  }

  #message(message) {
    this.#show(message);
    this.#sidebar.touch(message.conversationId, { seq: message.seq, updatedAt: message.createdAt });
  }

  #conversationChanged(entry) {
    this.#show(entry);
    if (entry.changes.removed?.includes(this.#user.uid)) this.#removedBy = entry.by;
    if (entry.conversation) this.#adopt(entry.conversation);
  }

  #finalized({ seq, finalizedAt, ...entry }) {
    this.#show({ ...entry, seq, finalizedAt });
    this.#typing([]);
    this.#adopt({ ...this.#conversation, status: "finalized", seq, finalizedAt, updatedAt: finalizedAt });
  }

  /** Keep the later state. @param {Partial<import("@confab/client").Conversation>} conversation */
  #adopt(conversation) {
    if (this.#closed || conversation.seq < this.#conversation.seq) return;
    this.#conversation = { ...this.#conversation, ...conversation };
    this.#sidebar.touch(this.#conversation.id, this.#conversation);
    this.#showHead();
  }

  #joined(conversation) {
    this.#adopt(conversation);
    if (this.#dropped) reporting(() => this.#readBelow(conversation.seq + 1));
    this.#dropped = false;
  }

  /** Messages were erased unseen: everything is read again. */
  #reset() {
    this.#view.clear();
    this.#reading = null;
    this.#dropped = true;
  }

  #left(reason) {
    if (reason === "deleted") {
      this.#view.clear();
      return this.#end("This conversation was deleted.");
    }
    const mine = this.#removedBy === this.#user.uid;
    const who = this.#removedBy ? this.#names.of(this.#removedBy) : "The owner";
    this.#end(mine ? "You left this conversation." : `${who} removed you from this conversation.`);
  }

  /** The conversation is over for this user. @param {string} why */
  #end(why) {
    this.over = why;
    closeOverlays();
    this.#sidebar.remove(this.#conversation.id);
    this.#showHead();
  }

  #goAway() {
    this.#sidebar.remove(this.#conversation.id);
    if (!this.#closed) location.hash = "";
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

  /** @param {import("@confab/client").ConfabError | null} error */
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
    const why = this.#whyLocked();
    byId("thread-title").textContent = titleOf(this.#conversation);
    byId("thread-meta").textContent =
      `${type} · ${people === 1 ? "only you" : `${people} people`} · ${mine ? "owner" : "member"}`;
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
    const { status, members } = this.#conversation;
    if (this.over !== null) return this.over;
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

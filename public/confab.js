/**
 * Confab for browsers: the REST operations, and rooms that are followed live.
 *
 *     const confab = new Confab({ getToken: (force) => user.getIdToken(force) });
 *     const { id } = await confab.create({ type: "chat", members: [{ userId: "…" }] });
 *     const room = await confab.open(id, { onMessage: (message) => show(message) });
 *     await room.send("Hello");
 *
 * @typedef {object} Conversation
 * @property {string} id
 * @property {"chat" | "assistant" | "support"} type
 * @property {string | null} title
 * @property {string} owner
 * @property {{userId: string, access: "write" | "read"}[]} members
 * @property {"active" | "finalized"} status
 * @property {number} seq  The number of the newest entry, 0 when empty
 * @property {number} messageCount  Deleted ones included
 * @property {number} erasures  How often messages of erased users were deleted
 * @property {object} metadata
 * @property {string} createdAt
 * @property {string} updatedAt
 * @property {string | null} finalizedAt
 * @property {string} realtimeUrl
 *
 * An entry is a Message, MessageChanged, ConversationChanged or Finalized, as its `kind` says.
 *
 * @typedef {object} Message
 * @property {"message"} kind
 * @property {string} id
 * @property {string} conversationId
 * @property {number} seq
 * @property {number} ordinal  1, 2, 3 … among the messages
 * @property {number} version  The number of the entry that made this state
 * @property {"user" | "assistant" | "system"} role
 * @property {string} author  "" once that user was erased
 * @property {boolean} agent
 * @property {string} content  "" once it is deleted
 * @property {string | null} clientMessageId
 * @property {object} metadata
 * @property {number | null} inReplyTo
 * @property {string} createdAt
 * @property {string | null} editedAt
 * @property {string | null} deletedAt
 *
 * @typedef {object} MessageChanged  Somebody edited or deleted a message
 * @property {"message_changed"} kind
 * @property {string} conversationId
 * @property {number} seq
 * @property {Message | null} message  As it is when the entry is read; null: keep what you have
 * @property {string} by
 * @property {string} at
 *
 * @typedef {object} ConversationChanged  Somebody changed title, metadata, owner or members
 * @property {"conversation_changed"} kind
 * @property {string} conversationId
 * @property {number} seq
 * @property {Omit<Conversation, "realtimeUrl"> | null} conversation  As it is when the entry is read; null:
 *   keep what you have
 * @property {string} by
 * @property {string} at
 * @property {{title?: true, metadata?: true, owner?: true, added?: string[], removed?: string[],
 *   access?: string[]}} changes  User ids of members
 *
 * @typedef {object} Finalized
 * @property {"finalized"} kind
 * @property {string} conversationId
 * @property {number} seq
 * @property {string} finalizedAt
 */
import { io as connectSocket } from "socket.io-client";

import { Connection } from "./confab/connection.js";
import { ConfabError } from "./confab/errors.js";
import { Messages } from "./confab/messages.js";
import { given, Rest } from "./confab/rest.js";
import { Room } from "./confab/room.js";
import { idToken } from "./confab/token.js";

export { ConfabError, Messages };

const ROOT = "/api/conversations";

/** A user's way to their conversations. Every call throws ConfabError when it fails. */
export class Confab {
  #rest;
  #getToken;
  #realtimeUrl;
  #io;
  /** @type {Map<string, Connection>} */
  #connections = new Map();

  /**
   * @param {object} options
   * @param {(force?: boolean) => Promise<string | null>} options.getToken  A valid Firebase ID token; a
   *   new one when forced. Null, or a rejection with one of Firebase Auth's codes for a user who is gone
   *   (`auth/user-token-expired`, `auth/user-disabled`, `auth/user-not-found` and the like), is
   *   `signed_out`: calls fail and rooms close. Any other rejection, and none within 15 s, may pass:
   *   calls are retried and rooms stay `reconnecting`
   * @param {string} [options.baseUrl]  Where `/api` is; the page's own origin by default
   * @param {string | null} [options.realtimeUrl]  Used instead of each conversation's own address
   * @param {typeof fetch} [options.fetch]
   * @param {typeof connectSocket} [options.io]
   */
  constructor({ getToken, baseUrl = "", realtimeUrl = null, fetch = globalThis.fetch, io = connectSocket }) {
    this.#getToken = (force = false) => idToken(getToken, force);
    this.#rest = new Rest(baseUrl, this.#getToken, (...request) => fetch(...request));
    this.#realtimeUrl = realtimeUrl;
    this.#io = io;
  }

  /**
   * Start a conversation.
   *
   * @param {{type: string, title?: string | null, members?: object[], metadata?: object}} conversation
   * @param {{key?: string | null}} [options]  `key`: the same again creates nothing new
   * @returns {Promise<Conversation>}
   */
  async create(conversation, { key } = {}) {
    return await this.#rest.call("POST", ROOT, { body: given(conversation), key: key ?? crypto.randomUUID() });
  }

  /**
   * Conversations that the user owns or is a member of, latest activity first.
   *
   * @param {{limit?: number, cursor?: string | null, status?: "active" | "finalized" | null}} [query]
   * @returns {Promise<{conversations: Conversation[], nextCursor: string | null}>}
   */
  async list(query) {
    return await this.#rest.call("GET", ROOT, { query });
  }

  /**
   * A conversation and a page of its messages, ascending: the newest, or those next to a number.
   *
   * @param {string} id
   * @param {{limit?: number, after?: number | null, before?: number | null}} [query]
   * @returns {Promise<{conversation: Conversation, messages: Message[], hasMore: boolean}>}
   */
  async get(id, query) {
    return await this.#rest.call("GET", path(id), { query });
  }

  /**
   * Write a message without a socket. A retry of a message keeps its `clientMessageId`.
   *
   * @param {string} id
   * @param {{content: string, role?: string, clientMessageId?: string | null, metadata?: object}} message
   * @returns {Promise<Message>}
   */
  async addMessage(id, message) {
    const body = { clientMessageId: crypto.randomUUID(), ...given(message) };
    return await this.#rest.call("POST", `${path(id)}/messages`, { body });
  }

  /**
   * Change one of the user's own messages.
   *
   * @param {string} id
   * @param {number} seq
   * @param {{content?: string, metadata?: object}} change  What is left out stays as it is
   * @returns {Promise<Message>}
   */
  async editMessage(id, seq, change) {
    return await this.#rest.call("PATCH", `${path(id)}/messages/${seq}`, { body: change });
  }

  /**
   * Delete a message: one's own, or any as the owner. It keeps its number, author, role and times.
   *
   * @param {string} id
   * @param {number} seq
   * @returns {Promise<Message>}
   */
  async deleteMessage(id, seq) {
    return await this.#rest.call("DELETE", `${path(id)}/messages/${seq}`);
  }

  /**
   * A page of the log with entries of all kinds, ascending, above `after` (0 without).
   *
   * @param {string} id
   * @param {{after?: number | null, limit?: number}} [query]
   * @returns {Promise<{entries: (Message | MessageChanged | ConversationChanged | Finalized)[],
   *   hasMore: boolean}>}
   */
  async readLog(id, query) {
    return await this.#rest.call("GET", `${path(id)}/log`, { query });
  }

  /**
   * Rename a conversation, replace its metadata, or hand it over to a member, as its owner.
   *
   * @param {string} id
   * @param {{title?: string | null, metadata?: object, owner?: string}} change  What is left out stays as
   *   it is; `title: null` clears it
   * @returns {Promise<Conversation>}
   */
  async updateConversation(id, change) {
    return await this.#rest.call("PATCH", path(id), { body: change });
  }

  /**
   * Add a member or change the access of one, as the owner. A new member can read the whole log.
   *
   * @param {string} id
   * @param {string} userId
   * @param {"write" | "read"} access
   * @returns {Promise<Conversation>}
   */
  async setMember(id, userId, access) {
    return await this.#rest.call("PUT", memberPath(id, userId), { body: { access } });
  }

  /**
   * Remove a member, as the owner, or leave.
   *
   * @param {string} id
   * @param {string} userId
   * @returns {Promise<Conversation | null>} null for whoever left
   */
  async removeMember(id, userId) {
    return await this.#rest.call("DELETE", memberPath(id, userId), { ends: true });
  }

  /**
   * Lock a conversation permanently; doing so again has no effect.
   *
   * @param {string} id
   * @returns {Promise<Conversation>}
   */
  async finalize(id) {
    return await this.#rest.call("POST", `${path(id)}/finalize`);
  }

  /**
   * Delete a conversation with everything in it, as its owner.
   *
   * @param {string} id
   * @returns {Promise<void>}
   */
  async deleteConversation(id) {
    await this.#rest.call("DELETE", path(id), { ends: true });
  }

  /**
   * Erase the user's conversations, messages and memberships, for at most 5 s. Repeat until `done`. The
   * user must have signed in within the last 5 minutes, else this is `forbidden`.
   *
   * @returns {Promise<{conversations: number, messages: number, done: boolean}>}
   */
  async eraseMe() {
    return await this.#rest.call("DELETE", "/api/me");
  }

  /**
   * Follow a conversation live until `room.close()`. It joins in the background and reconnects by
   * itself; one connection serves all rooms of one address.
   *
   * @param {string} id
   * @param {import("./confab/room.js").Handlers} handlers
   * @param {{after?: number | null, erasures?: number | null, realtimeUrl?: string}} [options]  `after`: the
   *   last number that is already shown; without it, the newest page comes first. `erasures`: the
   *   conversation's when that was read, so that messages erased since are noticed. `realtimeUrl`: the
   *   conversation's, if it is at hand
   * @returns {Promise<Room>}
   */
  async open(id, handlers, { after = null, erasures = null, realtimeUrl } = {}) {
    const url = this.#realtimeUrl ?? realtimeUrl ?? (await this.get(id, { limit: 1 })).conversation.realtimeUrl;
    const connection = this.#connection(url);
    const addMessage = (conversationId, draft) => this.addMessage(conversationId, draft);
    const room = new Room(id, handlers, { connection, after, erasures, addMessage });
    connection.add(room);
    return room;
  }

  /** @param {string} url */
  #connection(url) {
    const open = this.#connections.get(url);
    if (open) return open;
    const closed = () => this.#connections.delete(url);
    const connection = new Connection(url, { getToken: this.#getToken, io: this.#io, closed });
    this.#connections.set(url, connection);
    return connection;
  }
}

/** @param {string} id */
function path(id) {
  return `${ROOT}/${encodeURIComponent(id)}`;
}

/** @param {string} id @param {string} userId */
function memberPath(id, userId) {
  return `${path(id)}/members/${encodeURIComponent(userId)}`;
}

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
 * @property {object} metadata
 * @property {string} createdAt
 * @property {string} updatedAt
 * @property {string | null} finalizedAt
 * @property {string} realtimeUrl
 *
 * @typedef {object} Message
 * @property {string} id
 * @property {string} conversationId
 * @property {number} seq
 * @property {"user" | "assistant" | "system"} role
 * @property {string} author
 * @property {string} content
 * @property {string | null} clientMessageId
 * @property {object} metadata
 * @property {string} createdAt
 */
import { io as connectSocket } from "socket.io-client";

import { Connection } from "./confab/connection.js";
import { ConfabError } from "./confab/errors.js";
import { given, Rest } from "./confab/rest.js";
import { Room } from "./confab/room.js";
import { idToken } from "./confab/token.js";

export { ConfabError };

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
   * Lock a conversation permanently; doing so again has no effect.
   *
   * @param {string} id
   * @returns {Promise<Conversation>}
   */
  async finalize(id) {
    return await this.#rest.call("POST", `${path(id)}/finalize`);
  }

  /**
   * Follow a conversation live until `room.close()`. It joins in the background and reconnects by
   * itself; one connection serves all rooms of one address.
   *
   * @param {string} id
   * @param {import("./confab/room.js").Handlers} handlers
   * @param {{after?: number | null, realtimeUrl?: string}} [options]  `after`: the last number that is
   *   already shown; without it, the newest page comes first. `realtimeUrl`: the conversation's, if
   *   it is at hand
   * @returns {Promise<Room>}
   */
  async open(id, handlers, { after = null, realtimeUrl } = {}) {
    const url = this.#realtimeUrl ?? realtimeUrl ?? (await this.get(id, { limit: 1 })).conversation.realtimeUrl;
    const connection = this.#connection(url);
    const addMessage = (conversationId, draft) => this.addMessage(conversationId, draft);
    const room = new Room(id, handlers, { connection, after, addMessage });
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

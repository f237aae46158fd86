import { io as connectSocket } from "socket.io-client";

import { Connection } from "./connection.js";
import type { ConfabError } from "./errors.js";
import { LiveConversation } from "./live.js";
import { Outbox } from "./outbox/outbox.js";
import { IndexedDbStorage, type Storage } from "./outbox/storage.js";
import type { draftOf } from "./outbox/item.js";
import type { Way } from "./outbox/lane.js";
import { report } from "./report.js";
import type {
  Access,
  AddMessage,
  Conversation,
  CreateConversation,
  EditMessage,
  Listing,
  LogPage,
  Message,
  Page,
  Progress,
  Status,
  UpdateConversation,
} from "./resources.js";
import { given, Rest } from "./rest.js";
import { Room, type RoomHandlers } from "./room.js";
import { bothTokens, type GetToken, idToken, type Tokens } from "./token.js";

const ROOT = "/api/conversations";
/** How long a message waits for a lost connection before it goes over REST, in milliseconds. */
const PATIENCE_MS = 3_000;

/** A type whose fields may also be null, which is as if they were left out: answers may be handed back. */
type Nullable<T> = { [K in keyof T]?: T[K] | null | undefined };

export interface ConfabOptions {
  /**
   * A valid Firebase ID token; a new one when forced. Null, or a rejection with one of Firebase Auth's codes
   * for a user who is gone (`auth/user-token-expired`, `auth/user-disabled`, `auth/user-not-found` and the
   * like), is `signed_out`: calls fail and rooms close. Any other rejection, and none within 15 s, may pass:
   * calls are retried and rooms stay `reconnecting`.
   */
  getToken: GetToken;
  /**
   * An App Check token, a new one when forced, for a deployment with `CONFAB_APP_CHECK=required`:
   * `async (force) => (await getToken(appCheck, force)).token`. Null sends none; a rejection may pass.
   */
  getAppCheckToken?: GetToken;
  /** The user's uid. With it, what is unsent and drafts are kept in this browser, over reloads. */
  userId?: string | null;
  /** Where `/api` is; the page's own origin by default. */
  baseUrl?: string;
  /** Used instead of each conversation's own address. */
  realtimeUrl?: string | null;
  /**
   * Something keeps failing that goes on being tried, and what to do about it: live connections (from the
   * third failure on; null when one is live again), or keeping what is unsent on this device (`storage`).
   */
  onProblem?: (error: ConfabError | null) => void;
  fetch?: typeof globalThis.fetch;
  io?: typeof connectSocket;
  /** Where unsent messages and drafts of a user are kept; IndexedDB by default. */
  storage?: (userId: string) => Promise<Storage>;
}

/**
 * A user's way to their conversations. Every call rejects with ConfabError when it fails.
 *
 *     const confab = new Confab({ getToken: (force) => user.getIdToken(force), userId: user.uid });
 *     const { id } = await confab.create({ type: "chat", members: [{ userId: "…" }] });
 *     const live = confab.follow(id);
 *     live.subscribe(() => render(live.state.entries, live.state.unsent));
 *     live.send("Hello");
 */
export class Confab {
  /** What the user wrote and the server has not confirmed, and drafts. */
  readonly outbox: Outbox;
  readonly userId: string | null;
  readonly #rest: Rest;
  readonly #tokens: { getToken: (force: boolean) => Promise<string>; getTokens: (force: boolean) => Promise<Tokens> };
  readonly #fetch: typeof globalThis.fetch;
  readonly #realtimeUrl: string | null;
  readonly #io: typeof connectSocket;
  readonly #onProblem: (error: ConfabError | null) => void;
  readonly #connections = new Map<string, Connection>();
  readonly #rooms = new Map<string, Room>();
  readonly #live = new Map<string, LiveConversation>();

  constructor(options: ConfabOptions) {
    const { getToken, userId = null, baseUrl = "", realtimeUrl = null, onProblem = () => undefined } = options;
    const { getAppCheckToken, fetch = globalThis.fetch, io = connectSocket, storage = IndexedDbStorage.open } = options;
    this.userId = userId;
    this.#tokens = {
      getToken: (force) => idToken(getToken, force),
      getTokens: (force) => bothTokens(getToken, getAppCheckToken, force),
    };
    this.#fetch = (...request) => fetch(...request);
    this.#rest = new Rest(baseUrl, this.#tokens.getTokens, this.#fetch);
    this.#realtimeUrl = realtimeUrl;
    this.#io = io;
    this.#onProblem = (error) => {
      try {
        onProblem(error);
      } catch (failure) {
        report(failure);
      }
    };
    const carrier = {
      way: (id: string) => this.#way(id),
      send: (id: string, draft: ReturnType<typeof draftOf>, way: Way) => this.#send(id, draft, way),
    };
    this.outbox = new Outbox({ carrier, userId, open: storage, unkept: this.#onProblem, ...sharing(userId) });
  }

  /** Start a conversation. @param options  `key`: the same again creates nothing new */
  async create(
    conversation: Nullable<Omit<CreateConversation, "type">> & Pick<CreateConversation, "type">,
    { key }: { key?: string | null } = {},
  ): Promise<Conversation> {
    return await this.#rest.call("POST", ROOT, { body: given(conversation), key: key ?? crypto.randomUUID() });
  }

  /** Conversations that the user owns or is a member of, latest activity first. */
  async list(query?: Nullable<{ limit: number; cursor: string; status: Status }>): Promise<Listing> {
    return await this.#rest.call("GET", ROOT, { query });
  }

  /** A conversation and a page of its messages, ascending: the newest, or those next to a number. */
  async get(id: string, query?: Nullable<{ limit: number; after: number; before: number }>): Promise<Page> {
    return await this.#rest.call("GET", path(id), { query });
  }

  /**
   * Write a message over REST, past the outbox: for code that keeps what it writes itself. A retry of a
   * message keeps its `clientMessageId`.
   */
  async addMessage(id: string, message: Pick<AddMessage, "content"> & Nullable<Omit<AddMessage, "content">>): Promise<Message> {
    const body = { clientMessageId: crypto.randomUUID(), ...given(message) };
    return await this.#rest.call("POST", `${path(id)}/messages`, { body });
  }

  /** Change one of the user's own messages. What is left out stays as it is. */
  async editMessage(id: string, seq: number, change: EditMessage): Promise<Message> {
    return await this.#rest.call("PATCH", `${path(id)}/messages/${seq}`, { body: change });
  }

  /** Delete a message: one's own, or any as the owner. It keeps its number, author, role and times. */
  async deleteMessage(id: string, seq: number): Promise<Message> {
    return await this.#rest.call("DELETE", `${path(id)}/messages/${seq}`);
  }

  /** A page of the log with entries of all kinds, ascending, above `after` (0 without). */
  async readLog(id: string, query?: Nullable<{ after: number; limit: number }>): Promise<LogPage> {
    return await this.#rest.call("GET", `${path(id)}/log`, { query });
  }

  /**
   * Rename a conversation, replace its metadata, or hand it over to a member, as its owner. What is left
   * out stays as it is; `title: null` clears it.
   */
  async updateConversation(id: string, change: UpdateConversation): Promise<Conversation> {
    return await this.#rest.call("PATCH", path(id), { body: change });
  }

  /** Add a member or change the access of one, as the owner. A new member can read the whole log. */
  async setMember(id: string, userId: string, access: Access): Promise<Conversation> {
    return await this.#rest.call("PUT", memberPath(id, userId), { body: { access } });
  }

  /** Remove a member, as the owner, or leave. @returns null for whoever left */
  async removeMember(id: string, userId: string): Promise<Conversation | null> {
    return await this.#rest.call("DELETE", memberPath(id, userId), { ends: true });
  }

  /** Lock a conversation permanently; doing so again has no effect. */
  async finalize(id: string): Promise<Conversation> {
    return await this.#rest.call("POST", `${path(id)}/finalize`);
  }

  /** Delete a conversation with everything in it, as its owner. */
  async deleteConversation(id: string): Promise<void> {
    await this.#rest.call("DELETE", path(id), { ends: true });
  }

  /**
   * Erase the user's conversations, messages and memberships, for at most 5 s. Repeat until `done`. The
   * user must have signed in within the last 5 minutes, else this is `forbidden`.
   */
  async eraseMe(): Promise<Progress> {
    return await this.#rest.call("DELETE", "/api/me");
  }

  /**
   * A conversation for a view, until `close()`: its entries in order and in their latest state, what is
   * unsent, who types. Views of the same conversation share one.
   */
  follow(id: string): LiveConversation {
    const shared = this.#live.get(id);
    if (shared) return shared.retain();
    const live = new LiveConversation(this, id, () => this.#live.delete(id));
    this.#live.set(id, live);
    return live;
  }

  /**
   * Follow a conversation live until `room.close()`, entry by entry. It joins in the background and
   * reconnects by itself; one connection serves all rooms of one address.
   *
   * @param options  `after`: the last number that is already shown; without it, the newest page comes first.
   *   `erasures`: the conversation's when that was read, so that messages erased since are noticed.
   *   `realtimeUrl`: the conversation's, if it is at hand
   */
  async open(
    id: string,
    handlers: RoomHandlers,
    options: { after?: number | null; erasures?: number | null; realtimeUrl?: string } = {},
  ): Promise<Room> {
    const { after = null, erasures = null, realtimeUrl } = options;
    const url = this.#realtimeUrl ?? realtimeUrl ?? (await this.get(id, { limit: 1 })).conversation.realtimeUrl;
    const connection = this.#connection(url);
    const room: Room = new Room(id, handlers, {
      connection,
      after,
      erasures,
      send: (content, more) => this.outbox.add(id, content, more),
      readLog: (seq) => this.readLog(id, { after: seq }),
      readNewest: () => this.get(id),
      changed: () => this.#changed(room),
      problem: this.#onProblem,
    });
    connection.add(room);
    this.#changed(room);
    return room;
  }

  /** Close every room and stop sending. What is kept is sent by another tab, or the next time. */
  close(): void {
    for (const live of [...this.#live.values()]) live.end();
    for (const room of [...this.#rooms.values()]) room.close();
    this.outbox.close();
  }

  #changed(room: Room): void {
    if (room.state !== "closed") this.#rooms.set(room.conversationId, room);
    else if (this.#rooms.get(room.conversationId) === room) this.#rooms.delete(room.conversationId);
    this.outbox.kick(room.conversationId);
  }

  #way(id: string): Way | number {
    const link = this.#rooms.get(id)?.link ?? PATIENCE_MS;
    if (typeof link !== "number") return link;
    return link < PATIENCE_MS ? PATIENCE_MS - link : "rest";
  }

  async #send(id: string, draft: ReturnType<typeof draftOf>, way: Way): Promise<Message> {
    const room = this.#rooms.get(id);
    if (way !== "rest" && room) return (await room.request("message", { conversationId: id, ...draft })).message;
    return await this.#rest.call("POST", `${path(id)}/messages`, { body: draft, attempts: 1 });
  }

  #connection(url: string): Connection {
    const open = this.#connections.get(url);
    if (open) return open;
    const closed = () => this.#connections.delete(url);
    const connection = new Connection(url, { ...this.#tokens, io: this.#io, fetch: this.#fetch, closed });
    this.#connections.set(url, connection);
    return connection;
  }
}

/** What the user's tabs share, in a browser. */
function sharing(userId: string | null) {
  if (userId === null || !globalThis.navigator?.locks) return {};
  return { locks: navigator.locks, channel: new BroadcastChannel(`confab:${userId}`) };
}

function path(id: string): string {
  return `${ROOT}/${encodeURIComponent(id)}`;
}

function memberPath(id: string, userId: string): string {
  return `${path(id)}/members/${encodeURIComponent(userId)}`;
}

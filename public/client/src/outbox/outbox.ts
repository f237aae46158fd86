import { ConfabError, localError } from "../errors.js";
import { report } from "../report.js";
import type { Message } from "../resources.js";
import type { MessageOptions } from "../room.js";
import { onWake } from "../wake.js";
import { restored, type Unsent } from "./item.js";
import { type Carrier, Lane } from "./lane.js";
import { MemoryStorage, type Storage } from "./storage.js";

const MOST_UNSENT = 500;
const NONE: readonly Unsent[] = [];
/** What tabs of one user tell each other. */
type News =
  | { kind: "put"; item: Unsent }
  | { kind: "stored"; item: Unsent; message: Message }
  | { kind: "gone"; item: Unsent };

export interface OutboxParts {
  carrier: Carrier;
  /** Who writes; without it nothing is kept beyond this page or process. */
  userId: string | null;
  open: (userId: string) => Promise<Storage>;
  /** Keep two tabs from sending at once; without it every tab sends, which stores nothing twice. */
  locks?: Pick<LockManager, "request"> | undefined;
  /** Where the user's tabs hear of each other. */
  channel?: BroadcastChannel | undefined;
  /** Nothing can be kept on this device, and why. */
  unkept: (error: ConfabError) => void;
}

export interface OutboxEvents {
  /** The unsent messages of a conversation are others than before. */
  changed?(conversationId: string): void;
  /** One is stored; the room brings it, or has brought it. */
  stored?(item: Unsent, message: Message): void;
}

/**
 * What a user wrote and the server has not confirmed, by conversation and in order.
 *
 * With a `userId` it is kept in IndexedDB and survives reloads and closed tabs. One tab at a time sends
 * the messages of a conversation (a Web Lock); another takes over where that one dies. A message is sent
 * until it is stored once, cannot be stored as it is, or is an hour old.
 */
export class Outbox {
  readonly #parts: OutboxParts;
  readonly #lanes = new Map<string, Lane>();
  readonly #listeners = new Set<OutboxEvents>();
  readonly #channel: BroadcastChannel | undefined;
  readonly #stopWatching: () => void;
  readonly #storage: Promise<Storage>;
  #closed = false;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#channel = parts.channel;
    this.#channel?.addEventListener("message", ({ data }) => this.#hear(data));
    this.#storage = this.#restore(parts.userId);
    this.#stopWatching = onWake(() => this.kick());
  }

  /**
   * Queue a message.
   *
   * @returns the stored message. Rejects with ConfabError: `busy` if 500 wait already, `invalid_request` if
   *   `metadata` is no JSON, `closed` if it is given up before it is stored, else why it failed
   */
  async add(conversationId: string, content: string, more: MessageOptions = {}): Promise<Message> {
    const lane = this.#lane(conversationId);
    if (this.#closed) throw localError("closed", "This client is closed.");
    if (lane.size >= MOST_UNSENT) throw localError("busy", "Too many messages wait to be sent.");
    const item: Unsent = {
      clientMessageId: more.clientMessageId ?? crypto.randomUUID(),
      conversationId,
      content,
      role: more.role ?? null,
      metadata: more.metadata == null ? null : asJson(more.metadata),
      inReplyTo: more.inReplyTo ?? null,
      queuedAt: Date.now(),
      state: "queued",
      problem: null,
    };
    return await lane.add(item, this.#put(item));
  }

  /** The unsent messages of a conversation, in order, the same array while nothing changes; or of all. */
  items(conversationId?: string): readonly Unsent[] {
    if (conversationId !== undefined) return this.#lanes.get(conversationId)?.items ?? NONE;
    return [...this.#lanes.values()].flatMap(({ items }) => items);
  }

  /** Send a failed or stale message again, as if it had just been written. */
  retry(clientMessageId: string): void {
    const { lane, item } = this.#find(clientMessageId) ?? {};
    if (!lane || (item?.state !== "failed" && item?.state !== "stale")) return;
    const again: Unsent = { ...item, state: "queued", problem: null, queuedAt: Date.now() };
    lane.adopt(again);
    this.#notify(item.conversationId);
    void this.#put(again).then(() => lane.kick());
  }

  /** Give a message up, unless it is on its way. */
  discard(clientMessageId: string): void {
    const { lane, item } = this.#find(clientMessageId) ?? {};
    if (!lane || !item || item.state === "sending") return;
    lane.drop(clientMessageId);
    this.#notify(item.conversationId);
    void this.#forget(item);
    this.#tell({ kind: "gone", item });
  }

  /** What was being written in a conversation; "" if nothing. */
  async draft(conversationId: string): Promise<string> {
    try {
      return await (await this.#storage).draft(conversationId);
    } catch (error) {
      this.#unkept(error);
      return "";
    }
  }

  /** Keep what is being written in a conversation. An empty text removes it. */
  async setDraft(conversationId: string, text: string): Promise<void> {
    await this.#kept((storage) => storage.setDraft(conversationId, text));
  }

  /** @returns stops it */
  subscribe(listener: OutboxEvents): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Messages may go out in another way than before: of this conversation, or of all. */
  kick(conversationId?: string): void {
    if (conversationId !== undefined) this.#lanes.get(conversationId)?.kick();
    else for (const lane of this.#lanes.values()) lane.kick();
  }

  /** Stop sending. What is kept is sent by another tab, or the next time. */
  close(): void {
    this.#closed = true;
    this.#stopWatching();
    this.#channel?.close();
    for (const lane of this.#lanes.values()) lane.close(localError("closed", "This client is closed."));
  }

  async #restore(userId: string | null): Promise<Storage> {
    const [storage, items] = await this.#open(userId);
    for (const item of items) {
      this.#lane(item.conversationId).adopt(restored(item, Date.now()));
      this.#notify(item.conversationId);
    }
    queueMicrotask(() => this.kick());
    return storage;
  }

  /** A storage and what is in it. */
  async #open(userId: string | null): Promise<[Storage, Unsent[]]> {
    if (userId === null) return [new MemoryStorage(), []];
    try {
      const storage = await this.#parts.open(userId);
      return [storage, await storage.items()];
    } catch (error) {
      this.#unkept(error);
      return [new MemoryStorage(), []];
    }
  }

  #lane(conversationId: string): Lane {
    let lane = this.#lanes.get(conversationId);
    if (!lane) {
      lane = new Lane(conversationId, {
        carrier: this.#parts.carrier,
        kept: () => this.#keptOf(conversationId),
        exclusive: (run) => this.#exclusive(conversationId, run),
        changed: (item) => this.#changed(item),
        stored: (item, message) => this.#stored(item, message),
      });
      this.#lanes.set(conversationId, lane);
    }
    return lane;
  }

  async #exclusive(conversationId: string, run: () => Promise<void>): Promise<void> {
    const { lasting } = await this.#storage;
    const { locks, userId } = this.#parts;
    if (!lasting || !locks) return await run();
    await locks.request(`confab:${userId}:${conversationId}`, run);
  }

  async #keptOf(conversationId: string): Promise<Unsent[]> {
    try {
      const items = await (await this.#storage).items();
      return items.filter((item) => item.conversationId === conversationId);
    } catch (error) {
      this.#unkept(error);
      return [];
    }
  }

  #find(clientMessageId: string): { lane: Lane; item: Unsent } | undefined {
    for (const lane of this.#lanes.values()) {
      const item = lane.get(clientMessageId);
      if (item) return { lane, item };
    }
    return undefined;
  }

  #changed(item: Unsent): void {
    this.#notify(item.conversationId);
    if (item.state === "failed" || item.state === "stale") void this.#put(item);
  }

  async #stored(item: Unsent, message: Message): Promise<void> {
    this.#tell({ kind: "stored", item, message });
    this.#settle(item, message);
    await this.#forget(item);
  }

  #settle(item: Unsent, message: Message): void {
    this.#lane(item.conversationId).settle(item.clientMessageId, message);
    this.#each((listener) => listener.stored?.(item, message));
    this.#notify(item.conversationId);
  }

  async #put(item: Unsent): Promise<void> {
    await this.#kept((storage) => storage.put(item));
    this.#tell({ kind: "put", item });
  }

  async #forget({ clientMessageId }: Unsent): Promise<void> {
    await this.#kept((storage) => storage.remove(clientMessageId));
  }

  /** A device that keeps nothing more is no reason not to send. */
  async #kept(keep: (storage: Storage) => Promise<void>): Promise<void> {
    try {
      await keep(await this.#storage);
    } catch (error) {
      this.#unkept(error);
    }
  }

  #unkept(error: unknown): void {
    this.#parts.unkept(localError("storage", `Unsent messages last until this page is closed: ${error}`, error));
  }

  #tell(news: News): void {
    if (!this.#closed) this.#channel?.postMessage(news);
  }

  #hear(news: News): void {
    const { item } = news;
    const lane = this.#lane(item.conversationId);
    if (news.kind === "stored") this.#settle(item, news.message);
    else if (news.kind === "gone") lane.drop(item.clientMessageId);
    else if (lane.get(item.clientMessageId)?.state !== "sending") lane.adopt(item);
    this.#notify(item.conversationId);
  }

  #notify(conversationId: string): void {
    this.#each((listener) => listener.changed?.(conversationId));
  }

  #each(tell: (listener: OutboxEvents) => void): void {
    for (const listener of [...this.#listeners]) {
      try {
        tell(listener);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** What JSON keeps of a value, which is also what a database and other tabs can take. */
function asJson(metadata: object): object {
  try {
    return JSON.parse(JSON.stringify(metadata));
  } catch (error) {
    const title = "This message can't be sent";
    throw new ConfabError({ code: "invalid_request", status: 0, title, detail: `metadata is no JSON: ${error}` });
  }
}

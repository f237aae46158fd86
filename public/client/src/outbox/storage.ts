import { openDB, type DBSchema, type IDBPDatabase } from "idb";

import type { Unsent } from "./item.js";

/** Where unsent messages and drafts are kept, for one user. */
export interface Storage {
  /** Whether what is kept outlives this page. */
  readonly lasting: boolean;
  /** All items in the order of their first `put`. */
  items(): Promise<Unsent[]>;
  /** Keep an item; the same `clientMessageId` again replaces it at its place. */
  put(item: Unsent): Promise<void>;
  remove(clientMessageId: string): Promise<void>;
  draft(conversationId: string): Promise<string>;
  /** An empty text removes it. */
  setDraft(conversationId: string, text: string): Promise<void>;
}

/** Keeps everything as long as the page or process lives. */
export class MemoryStorage implements Storage {
  readonly lasting = false;
  readonly #items = new Map<string, Unsent>();
  readonly #drafts = new Map<string, string>();

  async items(): Promise<Unsent[]> {
    return [...this.#items.values()];
  }

  async put(item: Unsent): Promise<void> {
    this.#items.set(item.clientMessageId, item);
  }

  async remove(clientMessageId: string): Promise<void> {
    this.#items.delete(clientMessageId);
  }

  async draft(conversationId: string): Promise<string> {
    return this.#drafts.get(conversationId) ?? "";
  }

  async setDraft(conversationId: string, text: string): Promise<void> {
    if (text) this.#drafts.set(conversationId, text);
    else this.#drafts.delete(conversationId);
  }
}

interface Schema extends DBSchema {
  /** `order` is a key that the browser gives, ascending over all tabs. */
  unsent: { key: number; value: { item: Unsent; id: string; order?: number }; indexes: { id: string } };
  drafts: { key: string; value: string };
}

/** Keeps everything in this browser, over reloads and closed tabs, in a database of the user's own. */
export class IndexedDbStorage implements Storage {
  readonly lasting = true;
  readonly #db: IDBPDatabase<Schema>;

  private constructor(db: IDBPDatabase<Schema>) {
    this.#db = db;
  }

  /** Rejects where the browser keeps nothing, as in some private windows. */
  static async open(userId: string): Promise<IndexedDbStorage> {
    const db = await openDB<Schema>(`confab:${userId}`, 1, {
      upgrade(created) {
        created.createObjectStore("unsent", { keyPath: "order", autoIncrement: true }).createIndex("id", "id", { unique: true });
        created.createObjectStore("drafts");
      },
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(), // a newer version, in another tab
    });
    return new IndexedDbStorage(db);
  }

  async items(): Promise<Unsent[]> {
    return (await this.#db.getAll("unsent")).map(({ item }) => item);
  }

  async put(item: Unsent): Promise<void> {
    const id = item.clientMessageId;
    const { store, done } = this.#db.transaction("unsent", "readwrite");
    const order = await store.index("id").getKey(id);
    await store.put({ item, id, ...(order !== undefined && { order }) });
    await done;
  }

  async remove(clientMessageId: string): Promise<void> {
    const { store, done } = this.#db.transaction("unsent", "readwrite");
    const order = await store.index("id").getKey(clientMessageId);
    if (order !== undefined) await store.delete(order);
    await done;
  }

  async draft(conversationId: string): Promise<string> {
    return (await this.#db.get("drafts", conversationId)) ?? "";
  }

  async setDraft(conversationId: string, text: string): Promise<void> {
    if (text) await this.#db.put("drafts", text, conversationId);
    else await this.#db.delete("drafts", conversationId);
  }
}

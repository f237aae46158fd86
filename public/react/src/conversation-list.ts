import { type Confab, ConfabError, type Conversation, type Listing, type Status } from "@confab/client";

const POLL_MS = 20_000;

export interface ConversationsState {
  /** Latest activity first. */
  readonly conversations: readonly Conversation[];
  /** Whether the first page is still to come. */
  readonly loading: boolean;
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  /** Why the list could not be read the last time; null if all is well. */
  readonly problem: ConfabError | null;
}

/** A list before its first page. */
export const UNREAD: ConversationsState = {
  conversations: [],
  loading: true,
  hasMore: false,
  loadingMore: false,
  problem: null,
};

/** A user's conversations for a view: read again every 20 s while the page is visible. */
export class ConversationList {
  #state = UNREAD;
  #cursor: string | null = null;
  #reading: Promise<void> | null = null;
  #readingMore: Promise<void> | null = null;
  readonly #listeners = new Set<() => void>();
  #stopPolling: () => void = () => undefined;

  constructor(
    readonly confab: Confab | null,
    readonly query: { status: Status | null; limit: number | null },
  ) {}

  get state(): ConversationsState {
    return this.#state;
  }

  readonly subscribe = (changed: () => void): (() => void) => {
    if (this.#listeners.size === 0) this.#stopPolling = polling(() => void this.refresh());
    this.#listeners.add(changed);
    return () => {
      this.#listeners.delete(changed);
      if (this.#listeners.size === 0) this.#stopPolling();
    };
  };

  /** Read the first page again; a call during another one is the same read. */
  readonly refresh = (): Promise<void> =>
    (this.#reading ??= this.#read(null, (page) => this.#renewed(page)).finally(() => (this.#reading = null)));

  /** Read another page; a call during another one is the same read. */
  readonly loadMore = async (): Promise<void> => {
    if (!this.#readingMore && this.#cursor === null) return;
    const from = this.#cursor;
    this.#readingMore ??= this.#read(from, (page) => this.#longer(page, from)).finally(() => {
      this.#readingMore = null;
      this.#show({ loadingMore: false });
    });
    this.#show({ loadingMore: true });
    await this.#readingMore;
  };

  async #read(cursor: string | null, take: (page: Listing) => readonly Conversation[]): Promise<void> {
    if (!this.confab) return;
    try {
      const conversations = take(await this.confab.list({ ...this.query, cursor }));
      this.#show({ conversations, loading: false, hasMore: this.#cursor !== null, problem: null });
    } catch (problem) {
      if (!(problem instanceof ConfabError)) throw problem;
      this.#show({ problem });
    }
  }

  /** The list after its first page was read again: what is below that page stays if nothing can be missing between. */
  #renewed({ conversations, nextCursor }: Listing): readonly Conversation[] {
    const known = this.#state.conversations;
    const last = conversations.at(-1);
    const at = known.findIndex(({ id, updatedAt }) => id === last?.id && updatedAt === last.updatedAt);
    const joins = nextCursor !== null && at >= 0;
    if (!joins) this.#cursor = nextCursor;
    return distinct([...conversations, ...(joins ? known.slice(at + 1) : [])], known);
  }

  #longer({ conversations, nextCursor }: Listing, from: string | null): readonly Conversation[] {
    const known = this.#state.conversations;
    if (this.#cursor !== from) return known; // the list began anew meanwhile, and ends elsewhere
    this.#cursor = nextCursor;
    return distinct([...known, ...conversations], known);
  }

  #show(change: Partial<ConversationsState>): void {
    const next = { ...this.#state, ...change };
    if (Object.entries(next).every(([key, value]) => this.#state[key as keyof ConversationsState] === value)) return;
    this.#state = next;
    for (const changed of this.#listeners) changed();
  }
}

/** Each conversation once, as the same object as before while it has not changed; `known` itself if none has. */
function distinct(found: Conversation[], known: readonly Conversation[]): readonly Conversation[] {
  const before = new Map(known.map((conversation) => [conversation.id, conversation]));
  const after = new Map<string, Conversation>();
  for (const conversation of found) {
    const { id, seq, updatedAt, erasures } = conversation;
    const old = before.get(id);
    const same = old?.seq === seq && old.updatedAt === updatedAt && old.erasures === erasures;
    if (!after.has(id)) after.set(id, same ? old : conversation);
  }
  const list = [...after.values()];
  return list.length === known.length && list.every((conversation, at) => conversation === known[at]) ? known : list;
}

/** Calls `read` now, every 20 s while the page is visible, and when it is shown or the network is back. */
function polling(read: () => void): () => void {
  const ifVisible = () => globalThis.document?.visibilityState !== "hidden" && read();
  const timer = setInterval(ifVisible, POLL_MS);
  globalThis.document?.addEventListener("visibilitychange", ifVisible);
  globalThis.addEventListener?.("online", ifVisible);
  read();
  return () => {
    clearInterval(timer);
    globalThis.document?.removeEventListener("visibilitychange", ifVisible);
    globalThis.removeEventListener?.("online", ifVisible);
  };
}

import type { Confab } from "./confab.js";
import { ConfabError, localError } from "./errors.js";
import type { Unsent } from "./outbox/item.js";
import { report } from "./report.js";
import type { Conversation, EditMessage, Entry, Message } from "./resources.js";
import { backoffMs, sleep } from "./retry.js";
import type { MessageOptions, Room, RoomState } from "./room.js";
import type { ResetReason } from "./seen.js";
import { EMPTY, type Shown, timeline, type Timeline, type TimelineEvent } from "./timeline.js";

const PAGE = 50;

/** All that a view shows of a conversation: immutable, and the same object while nothing changes. */
export interface LiveState {
  /** `loading` until the first page is here; then the state of its room. */
  readonly status: "loading" | RoomState;
  /** The latest state; null while it is loading. */
  readonly conversation: Conversation | null;
  /** Messages in their latest state, changes of the conversation and its end, ascending by `seq`. */
  readonly entries: readonly Shown[];
  /** Whether `loadOlder` has something to read. */
  readonly hasOlder: boolean;
  readonly loadingOlder: boolean;
  /** What the user wrote and the log above does not show yet, in order. */
  readonly unsent: readonly Unsent[];
  /** Everyone else who is typing now. */
  readonly typing: readonly string[];
  /** Why it is not live, or could not be read, though it goes on trying; null if all is well. */
  readonly problem: ConfabError | null;
  /** Why it is over for this user; null while it is not. */
  readonly ended: { reason: "removed" | "deleted" | "error"; error: ConfabError | null } | null;
  /** Why all was read again, if it was: entries that were shown before may be missing now. */
  readonly restarted: ResetReason | null;
}

/** A conversation of which nothing is here yet. */
export const LOADING: LiveState = {
  status: "loading",
  conversation: null,
  entries: [],
  hasOlder: false,
  loadingOlder: false,
  unsent: [],
  typing: [],
  problem: null,
  ended: null,
  restarted: null,
};

/**
 * One conversation for a view: its entries, what is unsent, who types. Made by `Confab.follow`.
 *
 *     const live = confab.follow(id);
 *     live.subscribe(() => render(live.state));
 */
export class LiveConversation {
  readonly #confab: Confab;
  readonly #listeners = new Set<() => void>();
  readonly #unsubscribe: () => void;
  #state = LOADING;
  #timeline: Timeline = EMPTY;
  #room: Room | null = null;
  #followers = 1;
  #closed = false;
  #restarts = 0;
  /** Sent and confirmed, but not shown by the log yet. */
  #arriving = new Map<string, { item: Unsent; seq: number }>();
  /** The read of older entries that is under way; a restart gives it up. */
  #reading: Promise<void> | null = null;

  readonly #ended: (live: LiveConversation) => void;

  /** @internal */
  constructor(
    confab: Confab,
    readonly conversationId: string,
    ended: (live: LiveConversation) => void,
  ) {
    this.#confab = confab;
    this.#ended = ended;
    this.#unsubscribe = confab.outbox.subscribe({
      changed: (id) => id === conversationId && this.#update({}),
      stored: (item, message) => this.#stored(item, message),
    });
    void this.#begin();
  }

  get state(): LiveState {
    return this.#state;
  }

  /** The room that it follows; null while it is loading. */
  get room(): Room | null {
    return this.#room;
  }

  /** Be called after each change of `state`. @returns stops it */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Write a message through the outbox: `state.unsent` shows it until the log does.
   *
   * @returns the stored message, once it is; rejects with ConfabError if it fails, as `state.unsent` tells, too
   */
  send(content: string, more: MessageOptions = {}): Promise<Message> {
    this.#room?.stopTyping();
    return this.#confab.outbox.add(this.conversationId, content, more);
  }

  /** A key was pressed: the others see this user typing. */
  typing(): void {
    this.#room?.typing();
  }

  /** Read a page of older entries; a call during another one is the same read. Rejects with ConfabError. */
  async loadOlder(): Promise<void> {
    if (!this.#state.hasOlder) return;
    const reading = (this.#reading ??= this.#readBelow(this.#timeline.from).finally(() => {
      if (this.#reading === reading) this.#reading = null;
      this.#update({});
    }));
    this.#update({});
    await reading;
  }

  /** Change one of the user's own messages. Rejects with ConfabError. */
  async edit(seq: number, change: EditMessage): Promise<void> {
    this.#adopt(await this.#confab.editMessage(this.conversationId, seq, change));
  }

  /** Delete a message: one's own, or any as the owner. Rejects with ConfabError. */
  async delete(seq: number): Promise<void> {
    this.#adopt(await this.#confab.deleteMessage(this.conversationId, seq));
  }

  /** Adopt a conversation that an operation answered. */
  adopt(conversation: Conversation): void {
    this.#apply({ type: "conversation", conversation });
  }

  /** What was being written here; "" if nothing. */
  async draft(): Promise<string> {
    return await this.#confab.outbox.draft(this.conversationId);
  }

  /** Keep what is being written here, over reloads where the client has a `userId`. */
  async setDraft(text: string): Promise<void> {
    await this.#confab.outbox.setDraft(this.conversationId, text);
  }

  /** One more view follows it. @internal */
  retain(): this {
    this.#followers += 1;
    return this;
  }

  /** Leave the room, once for each `follow`; the last one counts. What is unsent is sent all the same. */
  close(): void {
    this.#followers -= 1;
    if (this.#followers === 0) this.end();
  }

  /** Leave the room, whoever follows it. @internal */
  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listeners.clear();
    this.#unsubscribe();
    this.#room?.close();
    this.#ended(this);
  }

  async #begin(): Promise<void> {
    for (let failures = 0; !this.#closed; failures += 1) {
      try {
        await this.#load();
        return await this.#open();
      } catch (error) {
        if (!(error instanceof ConfabError)) throw error;
        if (error.final) return this.#update({ status: "closed", ended: { reason: "error", error } });
        this.#update({ problem: error });
        await sleep(Math.max(error.retryAfterMs ?? 0, backoffMs(failures)));
      }
    }
  }

  async #load(): Promise<void> {
    const { conversation } = await this.#confab.get(this.conversationId, { limit: 1 });
    this.#apply({ type: "conversation", conversation });
    await this.#readBelow(conversation.seq + 1);
  }

  async #open(): Promise<void> {
    const { seq, erasures, realtimeUrl } = this.#state.conversation!;
    const room = await this.#confab.open(
      this.conversationId,
      {
        onEntry: (entry) => this.#apply({ type: "entries", entries: [entry] }),
        onJoined: ({ conversation }) => this.#joined(conversation),
        onErased: (erased) => this.#apply({ type: "erased", erased }),
        onReset: ({ reason }) => this.#restart(reason),
        onLeft: ({ reason }) => this.#update({ typing: [], ended: { reason, error: null } }),
        onTyping: (typing) => this.#update({ typing }),
        onState: (status) => this.#update({ status }),
        onProblem: (problem) => this.#update({ problem }),
        onError: (error) => this.#update({ ended: { reason: "error", error } }),
      },
      { after: seq, erasures, realtimeUrl },
    );
    if (this.#closed) return room.close();
    this.#room = room;
    this.#update({ status: room.state, problem: null });
  }

  /** Read entries numbered below `end`: at least one message, or all that there are. */
  async #readBelow(end: number): Promise<void> {
    const restarts = this.#restarts;
    const entries: Entry[] = [];
    let from = end;
    while (from > 1 && !entries.some(({ kind }) => kind === "message")) {
      const page: Entry[] = [];
      const start = Math.max(0, from - 1 - PAGE);
      for (let after = start; after < from - 1; after = page.at(-1)!.seq) {
        const read = await this.#confab.readLog(this.conversationId, { after, limit: from - 1 - after });
        if (read.entries.length === 0) throw localError("network", "The log is shorter than its conversation says.");
        page.push(...read.entries);
      }
      entries.unshift(...page);
      from = start + 1;
    }
    if (restarts === this.#restarts) this.#apply({ type: "older", entries, from });
  }

  #joined(conversation: Conversation): void {
    this.adopt(conversation);
    if (this.#timeline.from !== Infinity) return;
    this.#readBelow(conversation.seq + 1).catch((error) => this.#update({ problem: error })); // after a restart
  }

  #restart(restarted: ResetReason): void {
    this.#restarts += 1;
    this.#reading = null;
    this.#apply({ type: "reset" });
    this.#update({ restarted });
  }

  #stored(item: Unsent, message: Message): void {
    if (item.conversationId !== this.conversationId || message.seq <= this.#timeline.seen) return;
    this.#arriving.set(item.clientMessageId, { item: { ...item, state: "stored" }, seq: message.seq });
  }

  #adopt(message: Message): void {
    this.#apply({ type: "message", message });
  }

  #apply(event: TimelineEvent): void {
    const before = this.#timeline;
    this.#timeline = timeline(before, event);
    if (this.#timeline === before) return;
    for (const [id, { seq }] of this.#arriving) if (seq <= this.#timeline.seen) this.#arriving.delete(id);
    this.#update({});
  }

  /** The entry of a message may come before its acknowledgement. Keys are an author's own. */
  #waiting(entries: readonly Shown[]): readonly Unsent[] {
    const items = this.#confab.outbox.items(this.conversationId);
    if (items.length === 0) return items;
    const own = entries.filter((entry) => entry.kind === "message" && entry.author === this.#confab.userId) as Message[];
    const shown = new Set(own.map(({ clientMessageId }) => clientMessageId));
    return items.filter(({ clientMessageId }) => !shown.has(clientMessageId));
  }

  #update(change: Partial<LiveState>): void {
    if (this.#closed) return;
    const { conversation, entries, from } = this.#timeline;
    const unsent = [...[...this.#arriving.values()].map(({ item }) => item), ...this.#waiting(entries)];
    const next: LiveState = {
      ...this.#state,
      ...change,
      conversation,
      entries,
      hasOlder: from > 1 && from !== Infinity,
      loadingOlder: this.#reading !== null,
      unsent: sameItems(unsent, this.#state.unsent) ? this.#state.unsent : unsent,
    };
    if (sameState(next, this.#state)) return;
    this.#state = next;
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        report(error);
      }
    }
  }
}

function sameItems<T>(one: readonly T[], other: readonly T[]): boolean {
  return one.length === other.length && one.every((item, at) => item === other[at]);
}

function sameState(one: LiveState, other: LiveState): boolean {
  return (Object.keys(one) as (keyof LiveState)[]).every((key) => one[key] === other[key]);
}

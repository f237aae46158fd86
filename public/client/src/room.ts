import type { Connection } from "./connection.js";
import { ConfabError, localError } from "./errors.js";
import { report } from "./report.js";
import type {
  Conversation,
  ConversationChanged,
  Entry,
  Erased,
  Finalized,
  Left,
  LogPage,
  Message,
  MessageChanged,
  Page,
} from "./resources.js";
import { backoffMs, sleep, TROUBLE_AFTER } from "./retry.js";
import { type JoinPage, type ResetReason, Seen } from "./seen.js";
import { Typists, TypingNotifier } from "./typing.js";

const POLL_MS = 4_000;
const POLLS_AT_MOST_MS = 30_000;

const HANDLERS = {
  message: "onMessage",
  message_changed: "onMessageChanged",
  conversation_changed: "onConversationChanged",
  finalized: "onFinalized",
} as const;

export type RoomState = "connecting" | "joining" | "live" | "reconnecting" | "closed";

/**
 * Callbacks of a room; each is optional. Entries come once and in order of `seq`; the states that they
 * carry may be later than they are: keep the higher `version` of a message and the higher `seq` of a
 * conversation, as `timeline` does.
 */
export interface RoomHandlers {
  /** After each join. On one without `after`, `hasMore` says that there are older messages. */
  onJoined?(joined: { conversation: Conversation; hasMore: boolean }): void;
  onMessage?(message: Message): void;
  onMessageChanged?(entry: MessageChanged): void;
  onConversationChanged?(entry: ConversationChanged): void;
  onFinalized?(entry: Finalized): void;
  /** Any entry, also of a kind that has no handler of its own here; before that handler. */
  onEntry?(entry: Entry): void;
  /** These messages are deleted now and have no author any more. */
  onErased?(erased: Erased): void;
  /** Drop all that is shown: the newest page follows, as on a first join without `after`. */
  onReset?(reset: { reason: ResetReason }): void;
  /** The room is closed: the user was removed, or the conversation was deleted. */
  onLeft?(left: Left): void;
  /** Everyone else who is typing now. */
  onTyping?(userIds: string[]): void;
  onState?(state: RoomState): void;
  /**
   * Three or more attempts in a row to connect or join have failed: why the last one did. The room keeps
   * trying, and meanwhile reads and writes over REST; null once it is live again.
   */
  onProblem?(error: ConfabError | null): void;
  /** The room is closed and stays closed. */
  onError?(error: ConfabError): void;
}

/** What may be given with a message beside its content. A retry keeps its `clientMessageId`. */
export interface MessageOptions {
  role?: Message["role"] | null | undefined;
  metadata?: object | null | undefined;
  clientMessageId?: string | null | undefined;
  inReplyTo?: number | null | undefined;
}

export interface RoomParts {
  connection: Connection;
  /** The last number that is shown already, and the conversation's erasures when that was read. */
  after: number | null;
  erasures: number | null;
  send: (content: string, more: MessageOptions) => Promise<Message>;
  /** How the log is read while there is no connection. */
  readLog: (after: number) => Promise<LogPage>;
  readNewest: () => Promise<Page>;
  /** The room may send in another way than before, or is closed. */
  changed: () => void;
  /** As `onProblem`, for the whole client. */
  problem: (error: ConfabError | null) => void;
}

/** One conversation, followed live. Made by `Confab.open`. */
export class Room {
  readonly #parts: RoomParts;
  #handlers: RoomHandlers;
  readonly #seen: Seen;
  #state: RoomState = "connecting";
  #lostAt = performance.now();
  #inTrouble = false;
  #polling = false;
  #joining = false;
  #joinAgain = false;
  readonly #typing: TypingNotifier;
  readonly #typists: Typists;

  constructor(
    readonly conversationId: string,
    handlers: RoomHandlers,
    parts: RoomParts,
  ) {
    this.#handlers = handlers;
    this.#parts = parts;
    this.#seen = new Seen(parts.after, parts.erasures);
    this.#typing = new TypingNotifier((typing) => parts.connection.hint("typing", { conversationId, typing }));
    this.#typists = new Typists((userIds) => this.#notify("onTyping", userIds));
  }

  get state(): RoomState {
    return this.#state;
  }

  /** The address that serves this room. */
  get url(): string {
    return this.#parts.connection.url;
  }

  /** The connection that is open now, or for how many milliseconds there has been none. @internal */
  get link(): object | number {
    return this.#parts.connection.link ?? performance.now() - this.#lostAt;
  }

  /**
   * Write a message through the outbox: it is sent in the order of the calls as soon as that is possible,
   * over the socket or, without one, over REST.
   *
   * @returns the message once it is stored; `onMessage` gets it as well. Rejects with ConfabError if it
   *   can never be stored as it is
   */
  async send(content: string, more: MessageOptions = {}): Promise<Message> {
    if (this.#state === "closed") throw localError("closed", "Open it again to write.");
    this.stopTyping();
    return await this.#parts.send(content, more);
  }

  /** A key was pressed: the others see this user typing. May be called for every key. */
  typing(): void {
    if (this.#state === "live") this.#typing.keystroke();
  }

  /** The text was sent or given up. */
  stopTyping(): void {
    this.#typing.stop();
  }

  /** Leave the room. No callback is called after this. */
  close(): void {
    if (this.#state === "closed") return;
    this.#handlers = {};
    this.#shut();
    this.#parts.connection.remove(this);
  }

  /** Send an event on the room's connection. @internal */
  async request(event: string, payload: object): Promise<any> {
    return await this.#parts.connection.request(event, payload);
  }

  // Callbacks of the connection.

  /** @internal */
  connected(): void {
    this.#parts.changed();
    void this.#join();
  }

  /** @internal */
  disconnected(): void {
    this.#lostAt = performance.now();
    this.#typists.clear();
    this.#setState("reconnecting");
    this.#parts.changed();
  }

  /** @internal */
  troubled(error: ConfabError): void {
    this.#inTrouble = true;
    this.#problem(error);
    void this.#poll();
  }

  /** @internal */
  failed(error?: ConfabError): void {
    if (this.#state === "closed") return;
    this.#shut();
    if (error) this.#notify("onError", error);
  }

  /** An entry has the name of its event as its kind. @internal */
  received(event: string, payload: any): void {
    if (event === "typing") this.#typists.set(payload.userId, payload.typing);
    else if (event === "resync") void this.#join();
    else if (event === "erased") this.#erased(payload);
    else if (event === "left") this.#left(payload);
    else if (event === payload.kind) this.#take([payload]);
  }

  /** Catch up and go live; a call during another makes that one start over when it is done. */
  async #join(): Promise<void> {
    this.#joinAgain = true;
    if (this.#joining) return;
    this.#joining = true;
    try {
      while (this.#joinAgain) {
        this.#joinAgain = false;
        await this.#catchUp();
      }
    } finally {
      this.#joining = false;
    }
  }

  /** Read pages from the last number seen until there is no more, which makes the socket live. */
  async #catchUp(): Promise<void> {
    const { connection } = this.#parts;
    for (let failures = 0; this.#open && connection.connected; ) {
      this.#setState("joining");
      const { last: before, starts } = this.#seen;
      try {
        const after = before === null ? {} : { after: before };
        const page = await connection.join({ conversationId: this.conversationId, ...after });
        if (!this.#open || starts !== this.#seen.starts) return; // after a reset, it joins again
        if (this.#takePage(page, before)) return this.#live(page);
        if (this.#seen.last !== before) failures = 0;
        else await sleep(backoffMs(failures++));
      } catch (error) {
        if (!(error instanceof ConfabError)) throw error;
        if (!connection.connected || error.aboutToken) return; // the next connection joins
        if (error.final) {
          this.failed(error);
          return connection.remove(this);
        }
        const wait = Math.max(error.retryAfterMs ?? 0, backoffMs(failures++));
        if (failures >= TROUBLE_AFTER) this.troubled(error);
        await sleep(wait);
      }
    }
  }

  /** While no connection comes about, entries are read over REST: later than live, but they come. */
  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    for (let failures = 0; this.#inTrouble && this.#open; ) {
      try {
        if (await this.#pollOnce()) continue;
        failures = 0;
      } catch (error) {
        if (!(error instanceof ConfabError)) throw error;
        failures += 1; // why there is no connection has been told; this is no news
      }
      await sleep(Math.min(POLLS_AT_MOST_MS, POLL_MS * 2 ** failures));
    }
    this.#polling = false;
  }

  /** Whether there is more to read at once. */
  async #pollOnce(): Promise<boolean> {
    const { last, starts } = this.#seen;
    const page = last === null ? await this.#parts.readNewest() : await this.#parts.readLog(last);
    if (!this.#inTrouble || !this.#open || this.#seen.last !== last || this.#seen.starts !== starts) return false;
    if ("messages" in page) this.#takePage(page, null);
    else this.#take(page.entries);
    return page.hasMore && last !== null && this.#seen.last !== last;
  }

  /** Whether this page is the last one. @param after  What it was asked for */
  #takePage(page: JoinPage, after: number | null): boolean {
    const shown = this.#seen.page(page, after);
    if (typeof shown === "string") {
      this.#notify("onReset", { reason: shown });
      return false;
    }
    for (const entry of shown) this.#show(entry);
    return after === null || !page.hasMore;
  }

  #live({ conversation, hasMore }: JoinPage): void {
    this.#setState("live");
    if (this.#inTrouble) this.#problem(null);
    this.#inTrouble = false;
    this.#notify("onJoined", { conversation, hasMore });
  }

  #take(entries: readonly Entry[]): void {
    for (const ready of this.#seen.entries(entries)) this.#show(ready);
    if (this.#seen.gap && !this.#joining) void this.#join();
  }

  /** An entry of a kind that is unknown here has no handler of its own. */
  #show(entry: Entry): void {
    if (entry.kind === "message") this.#typists.set(entry.author, false);
    this.#notify("onEntry", entry);
    if (Object.hasOwn(HANDLERS, entry.kind)) this.#notify(HANDLERS[entry.kind], entry);
  }

  #erased(erased: Erased): void {
    const known = this.#seen.erased(erased);
    if (known === true) this.#notify("onErased", erased);
    if (typeof known !== "string") return;
    this.#notify("onReset", { reason: known });
    void this.#join();
  }

  #left(left: Left): void {
    this.#shut();
    this.#notify("onLeft", left);
    this.#parts.connection.remove(this);
  }

  #problem(error: ConfabError | null): void {
    this.#parts.problem(error);
    this.#notify("onProblem", error);
  }

  get #open(): boolean {
    return this.#state !== "closed";
  }

  #shut(): void {
    this.#typing.stop();
    this.#typists.clear();
    this.#setState("closed");
    this.#parts.changed();
  }

  #setState(state: RoomState): void {
    if (state === this.#state || this.#state === "closed") return;
    this.#state = state;
    this.#notify("onState", state);
  }

  /** A handler that throws must not break the room. */
  #notify(name: keyof RoomHandlers, value: unknown): void {
    try {
      (this.#handlers[name] as ((value: unknown) => void) | undefined)?.(value);
    } catch (error) {
      report(error);
    }
  }
}

import { ConfabError, localError } from "../errors.js";
import { report } from "../report.js";
import type { Message } from "../resources.js";
import { backoffMs } from "../retry.js";
import { draftOf, fresh, restored, type Unsent } from "./item.js";

/** Messages that may be on their way over one socket before the first is acknowledged. */
const WINDOW = 32;
/** How often a message may end in an error of the server's own before it counts as failed. */
const STRIKES = 5;

/** One connection, from its opening to its end: another one is another object. */
export type Link = object;
export type Way = Link | "rest";

/** How messages get to the server. */
export interface Carrier {
  /** The way to send now, or for how many milliseconds a connection is worth waiting for. */
  way(conversationId: string): Way | number;
  /** Rejects with ConfabError. Over a connection, drafts arrive in the order of the calls. */
  send(conversationId: string, draft: ReturnType<typeof draftOf>, way: Way): Promise<Message>;
}

/** What a lane needs of the outbox. */
export interface LaneParts {
  carrier: Carrier;
  /** All kept items of the conversation, those of other tabs too, in order. */
  kept(): Promise<Unsent[]>;
  /** Run this while no other tab sends in the conversation. */
  exclusive(run: () => Promise<void>): Promise<void>;
  /** An item has another state: keep it, and show it. */
  changed(item: Unsent): void;
  /** Forget the item: it is stored. */
  stored(item: Unsent, message: Message): Promise<void>;
}

interface Waiting {
  resolve: (message: Message) => void;
  reject: (error: unknown) => void;
}

/**
 * The unsent messages of one conversation, sent in order.
 *
 * Over a socket they are pipelined. Where one is turned away for now, what is under way is awaited, and
 * sending goes on from the first that is not stored, one at a time until one succeeds. Sending again is
 * safe: the server knows a `clientMessageId` that it has stored.
 */
export class Lane {
  #items: readonly Unsent[] = [];
  #arriving = 0;
  readonly #strikes = new Map<string, number>();
  readonly #waiting = new Map<string, Waiting>();
  #running = false;
  #closed = false;
  #wake: () => void = () => undefined;

  constructor(
    readonly conversationId: string,
    readonly parts: LaneParts,
  ) {}

  /** What is kept: nobody is shown a message that closing the page now would lose. */
  get items(): readonly Unsent[] {
    return this.#items;
  }

  /** How many messages there are, those that are not kept yet included. */
  get size(): number {
    return this.#items.length + this.#arriving;
  }

  /** Take a new message once it is kept. Resolves when it is stored. */
  async add(item: Unsent, kept: Promise<void>): Promise<Message> {
    this.#arriving += 1;
    const stored = new Promise<Message>((resolve, reject) => this.#waiting.set(item.clientMessageId, { resolve, reject }));
    stored.catch(() => undefined); // the caller gets it below, perhaps a moment later
    await kept;
    this.#arriving -= 1;
    const known = !this.#waiting.has(item.clientMessageId) || this.get(item.clientMessageId); // it may be sent already
    if (!known) this.#change(item);
    this.kick();
    return await stored;
  }

  /** An item in its present state, as it is kept or as another tab has it. */
  adopt(item: Unsent): void {
    const at = this.#items.findIndex(({ clientMessageId }) => clientMessageId === item.clientMessageId);
    this.#items = at < 0 ? [...this.#items, item] : this.#items.with(at, item);
    if (item.state !== "failed") return;
    this.#waiting.get(item.clientMessageId)?.reject(new ConfabError(item.problem!));
    this.#waiting.delete(item.clientMessageId);
  }

  get(clientMessageId: string): Unsent | undefined {
    return this.#items.find((item) => item.clientMessageId === clientMessageId);
  }

  /** The item is stored, by this tab or another. */
  settle(clientMessageId: string, message: Message): void {
    this.#waiting.get(clientMessageId)?.resolve(message);
    this.drop(clientMessageId);
  }

  /** The item is given up, if it is not settled. */
  drop(clientMessageId: string): void {
    this.#waiting.get(clientMessageId)?.reject(localError("closed", "The message was given up."));
    this.#items = this.#items.filter((item) => item.clientMessageId !== clientMessageId);
    this.#waiting.delete(clientMessageId);
    this.#strikes.delete(clientMessageId);
  }

  /** There may be something to send, or another way to send it. */
  kick(): void {
    this.#wake();
    if (this.#running || this.#closed) return;
    this.#running = true;
    this.parts
      .exclusive(() => this.#drain())
      .catch(report)
      .finally(() => {
        this.#running = false;
        if (this.#next()) this.kick(); // it came while the lane was being left
      });
  }

  close(error: ConfabError): void {
    this.#closed = true;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#wake();
  }

  async #drain(): Promise<void> {
    for (;;) {
      this.#merge(await this.parts.kept());
      if (!this.#next()) return;
      await this.#send();
    }
  }

  /** The kept order is that of all tabs; what is not kept any more, or not yet, follows. */
  #merge(kept: readonly Unsent[]): void {
    const known = new Map(this.#items.map((item) => [item.clientMessageId, item]));
    const ordered = kept.map((item) => known.get(item.clientMessageId) ?? restored(item, Date.now()));
    const listed = new Set(kept.map(({ clientMessageId }) => clientMessageId));
    this.#items = [...ordered, ...this.#items.filter(({ clientMessageId }) => !listed.has(clientMessageId))];
  }

  /** The first message that waits to be sent. One that has grown stale meanwhile waits for its user. */
  #next(): Unsent | undefined {
    if (this.#closed) return undefined;
    for (const item of this.#items) {
      if (item.state !== "queued") continue;
      const now = fresh(item, Date.now());
      if (now === item) return item;
      this.#change(now);
    }
    return undefined;
  }

  async #send(): Promise<void> {
    let distrusted = false;
    for (let failures = 0; this.#next(); ) {
      const way: Way | number = distrusted ? "rest" : this.parts.carrier.way(this.conversationId);
      if (typeof way === "number") {
        await this.#pause(way);
        continue;
      }
      const failure: ConfabError | null = await this.#burst(way, failures > 0 || way === "rest");
      distrusted = failure?.code === "timeout" && way !== "rest"; // a socket that does not respond
      if (failure) await this.#pause(Math.max(failure.retryAfterMs ?? 0, backoffMs(failures)));
      failures = failure ? failures + 1 : 0;
    }
  }

  /** Send until nothing waits, the way changes, or a message is turned away for now: that error. */
  async #burst(way: Way, single: boolean): Promise<ConfabError | null> {
    const underWay = new Set<Promise<void>>();
    let failure: ConfabError | null = null;
    let left = single ? 1 : Infinity;
    for (;;) {
      const open = failure === null && left > 0 && underWay.size < WINDOW;
      const item = open && (single || this.parts.carrier.way(this.conversationId) === way) ? this.#next() : undefined;
      if (item) {
        left -= 1;
        const sent: Promise<void> = this.#transmit(item, way)
          .then((error) => void (failure ??= error))
          .finally(() => underWay.delete(sent));
        underWay.add(sent);
      } else if (underWay.size === 0) {
        return failure;
      } else {
        await Promise.race([...underWay, this.#woken()]);
      }
    }
  }

  /** The error of a message that is turned away for now, else null. */
  async #transmit(item: Unsent, way: Way): Promise<ConfabError | null> {
    this.#change({ ...item, state: "sending" });
    try {
      const message = await this.parts.carrier.send(this.conversationId, draftOf(item), way);
      await this.parts.stored(item, message);
      return null;
    } catch (cause) {
      const error = cause instanceof ConfabError ? cause : unsendable(cause);
      const strikes = (this.#strikes.get(item.clientMessageId) ?? 0) + (error.code === "internal" ? 1 : 0);
      this.#strikes.set(item.clientMessageId, strikes);
      const failed = error.final || strikes >= STRIKES;
      this.#change({ ...item, state: failed ? "failed" : "queued", problem: failed ? error.problem : null });
      return failed ? null : error;
    }
  }

  #change(item: Unsent): void {
    this.adopt(item);
    this.parts.changed(item);
  }

  async #pause(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const passed = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
    await Promise.race([passed, this.#woken()]);
    clearTimeout(timer);
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}

/** What the app gave cannot go out, such as metadata that is no JSON. */
function unsendable(cause: unknown): ConfabError {
  const title = "This message can't be sent";
  return new ConfabError({ code: "invalid_request", status: 0, title, detail: String(cause) }, { cause });
}

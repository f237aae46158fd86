import type { Conversation, Entry, Erased, Finalized, Message } from "./resources.js";
import { Sequence } from "./sequence.js";

/** Numbers in one `erased` event; an erasure of more comes in parts. */
const ERASED_AT_ONCE = 500;

/** Why a room starts over: messages were erased unseen, or the log is shorter than what was seen of it. */
export type ResetReason = "erased" | "shorter";

/** What a join answers: `messages` without a number, `entries` else. */
export interface JoinPage {
  conversation: Conversation;
  messages?: Message[];
  entries?: Entry[];
  hasMore: boolean;
}

/**
 * What has been seen of a conversation's log: says what of a page, an entry or an erasure may be shown now,
 * or that all must be read again. Pure.
 */
export class Seen {
  #sequence: Sequence<Entry>;
  /** The number of erasures that what is shown reflects; null if that is unknown. */
  #erasures: number | null;
  /** How often it has started over. */
  starts = 0;

  /** @param after  The last number that is shown already; null for none */
  constructor(after: number | null, erasures: number | null) {
    this.#sequence = new Sequence(after);
    this.#erasures = erasures;
  }

  get last(): number | null {
    return this.#sequence.last;
  }

  get gap(): boolean {
    return this.#sequence.gap;
  }

  /** What a page shows. @param after  What it was asked for; null for the newest messages */
  page({ conversation, messages = [], entries = [] }: JoinPage, after: number | null): Entry[] | ResetReason {
    if (after === null) return this.#begin(conversation, messages);
    if (conversation.seq < after) return this.#startOver("shorter");
    this.#erasures ??= conversation.erasures;
    if (this.#erasures !== conversation.erasures) return this.#startOver("erased");
    return this.entries(entries);
  }

  entries(entries: readonly Entry[]): Entry[] {
    return entries.flatMap((entry) => this.#sequence.offer(entry));
  }

  /** Whether these messages can be emptied where they are shown; null if the join under way reads what is left. */
  erased({ erasures, seqs }: Erased): true | null | ResetReason {
    const known = this.#erasures;
    if (known === null) return null;
    if (erasures !== known && erasures !== known + 1) return this.#startOver("erased");
    if (seqs.length < ERASED_AT_ONCE) this.#erasures = erasures; // else there may be more of this one
    return true;
  }

  #begin(conversation: Conversation, messages: Message[]): Entry[] {
    this.#erasures = conversation.erasures;
    this.#sequence.begin(conversation.seq);
    return conversation.status === "finalized" ? [...messages, endOf(conversation)] : messages;
  }

  #startOver(reason: ResetReason): ResetReason {
    this.#sequence = new Sequence();
    this.#erasures = null;
    this.starts += 1;
    return reason;
  }
}

function endOf({ id, seq, finalizedAt }: Conversation): Finalized {
  return { kind: "finalized", conversationId: id, seq, finalizedAt: finalizedAt ?? "" };
}

import type { Conversation, Entry, Erased, Message } from "./resources.js";

/** What a timeline shows at a number: a message in its latest state, a change of the conversation, the end. */
export type Shown = Exclude<Entry, { kind: "message_changed" }>;

/** What an app knows of a conversation: immutable, so that a view can tell by identity what is new. */
export interface Timeline {
  /** The conversation in its latest state; null until it is known. */
  readonly conversation: Conversation | null;
  /** Ascending by `seq`, each number once. */
  readonly entries: readonly Shown[];
  /** The highest number seen, of any kind. */
  readonly seen: number;
  /** The lowest number from which on everything is here; older pages end below it. 1: all is here. */
  readonly from: number;
  /** States of messages whose pages have not come. */
  readonly apart: ReadonlyMap<number, Message>;
  /** Messages of erased users, also those whose pages have not come. */
  readonly erased: ReadonlySet<number>;
}

export type TimelineEvent =
  /** Entries in any order and however often: live ones, a page of the log, an answer to an edit. */
  | { type: "entries"; entries: readonly Entry[] }
  /** All entries from number `from` up to what was shown before. */
  | { type: "older"; entries: readonly Entry[]; from: number }
  /** The state of a message, as an edit answers it; nothing if its page has not come. */
  | { type: "message"; message: Message }
  | { type: "conversation"; conversation: Conversation }
  | { type: "erased"; erased: Pick<Erased, "seqs"> }
  /** The room starts over. */
  | { type: "reset" };

/** A timeline that knows nothing yet. */
export const EMPTY: Timeline = {
  conversation: null,
  entries: [],
  seen: 0,
  from: Infinity,
  apart: new Map(),
  erased: new Set(),
};

/**
 * The timeline after an event; the same object if the event is no news.
 *
 * Pure. Events may come in any order and repeatedly: the higher `version` of a message wins, a message
 * without an author wins over any version, the higher `seq` of a conversation wins, and a kind that is
 * unknown counts as seen.
 */
export function timeline(state: Timeline, event: TimelineEvent): Timeline {
  switch (event.type) {
    case "entries":
      return withEntries(state, event.entries);
    case "older": {
      const from = Math.min(state.from, event.from);
      const joined = withEntries(state, event.entries);
      return from === joined.from ? joined : { ...joined, from };
    }
    case "message": {
      const { seq, conversationId } = event.message;
      return withEntries(state, [{ kind: "message_changed", message: event.message, seq, conversationId, by: "", at: "" }]);
    }
    case "conversation":
      return withConversation(state, event.conversation);
    case "erased":
      return withErased(state, event.erased.seqs);
    case "reset":
      return { ...EMPTY, conversation: state.conversation };
  }
}

function withEntries(state: Timeline, entries: readonly Entry[]): Timeline {
  const shown = new Map(state.entries.map((entry) => [entry.seq, entry]));
  const apart = new Map(state.apart);
  let { conversation, seen } = state;
  let news = false;
  for (const entry of entries) {
    news ||= entry.seq > seen;
    seen = Math.max(seen, entry.seq);
    if (entry.kind === "message") news = place(entry) || news;
    else if (entry.kind === "message_changed") news = (entry.message !== null && adopt(entry.message)) || news;
    else if (entry.kind === "conversation_changed" || entry.kind === "finalized") {
      if (!shown.has(entry.seq)) news = Boolean(shown.set(entry.seq, entry));
      conversation = after(conversation, entry);
    }
  }
  if (!news && conversation === state.conversation) return state;
  const ascending = [...shown.values()].sort((one, other) => one.seq - other.seq);
  return { ...state, conversation, seen, apart, entries: ascending };

  /** A message at its place, in the latest state that is known. */
  function place(message: Message): boolean {
    const before = shown.get(message.seq) as Message | undefined;
    const latest = later(later(before, apart.get(message.seq)), clean(message, state.erased));
    apart.delete(message.seq);
    if (latest === before) return false;
    shown.set(message.seq, latest!);
    return true;
  }

  /** A state of a message that may not be shown yet. */
  function adopt(message: Message): boolean {
    if (shown.has(message.seq)) return place(message);
    const before = apart.get(message.seq);
    const latest = later(before, clean(message, state.erased))!;
    apart.set(message.seq, latest);
    return latest !== before;
  }
}

function withConversation(state: Timeline, conversation: Conversation): Timeline {
  const known = state.conversation;
  if (known && (conversation.seq < known.seq || same(known, conversation))) return state;
  return { ...state, conversation };
}

function withErased(state: Timeline, seqs: readonly number[]): Timeline {
  const erased = new Set([...state.erased, ...seqs]);
  if (erased.size === state.erased.size) return state;
  const emptied = <E extends Shown>(entry: E) => (entry.kind === "message" ? clean(entry, erased) : entry);
  const apart = new Map([...state.apart].map(([seq, message]) => [seq, emptied(message)]));
  return { ...state, erased, apart, entries: state.entries.map(emptied) };
}

/** The conversation after an entry that changed or closed it. */
function after(known: Conversation | null, entry: Shown): Conversation | null {
  if (entry.kind === "conversation_changed" && entry.conversation) {
    return known && known.seq > entry.conversation.seq ? known : { ...known, ...entry.conversation };
  }
  if (entry.kind !== "finalized" || !known || known.status === "finalized") return known;
  const { seq, finalizedAt } = entry;
  return { ...known, status: "finalized", seq, finalizedAt, updatedAt: finalizedAt };
}

/** The later of two states of a message; the first if they are equally late. */
function later(known: Message | undefined, found: Message | undefined): Message | undefined {
  if (!known || !found) return known ?? found;
  if (known.author === "") return known;
  return found.author === "" || found.version > known.version ? found : known;
}

/** A message of an erased user. The server's copy has the time of the erasure. */
function clean(message: Message, erased: ReadonlySet<number>): Message {
  if (!erased.has(message.seq) || message.author === "") return message;
  const deletedAt = message.deletedAt ?? new Date().toISOString();
  return { ...message, author: "", content: "", metadata: {}, clientMessageId: null, deletedAt };
}

function same(one: Conversation, other: Conversation): boolean {
  return one.seq === other.seq && one.updatedAt === other.updatedAt && one.erasures === other.erasures;
}

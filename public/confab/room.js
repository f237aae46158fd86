import { ConfabError, localError } from "./errors.js";
import { given } from "./rest.js";
import { backoffMs, sleep, TROUBLE_AFTER } from "./retry.js";
import { Sequence } from "./sequence.js";
import { Typists, TypingNotifier } from "./typing.js";

const MOST_UNSENT = 50;
/** Numbers in one `erased` event; an erasure of more comes in parts. */
const ERASED_AT_ONCE = 500;
const HANDLERS = {
  message: "onMessage",
  message_changed: "onMessageChanged",
  conversation_changed: "onConversationChanged",
  finalized: "onFinalized",
};

/**
 * @typedef {import("../confab.js").Conversation} Conversation
 * @typedef {import("../confab.js").Message} Message
 * @typedef {import("../confab.js").MessageChanged} MessageChanged
 * @typedef {import("../confab.js").ConversationChanged} ConversationChanged
 * @typedef {import("../confab.js").Finalized} Finalized
 *
 * @typedef {object} Handlers  Callbacks of a room; each is optional. Entries come once and in order of
 *   `seq`; the states that they carry may be later than they are: keep the higher `version` of a message
 *   (`Messages` does) and the higher `seq` of a conversation
 * @property {(joined: {conversation: Conversation, hasMore: boolean}) => void} [onJoined]
 *   After each join. On one without `after`, `hasMore` says that there are older messages
 * @property {(message: Message) => void} [onMessage]
 * @property {(entry: MessageChanged) => void} [onMessageChanged]
 * @property {(entry: ConversationChanged) => void} [onConversationChanged]
 * @property {(entry: Finalized) => void} [onFinalized]
 * @property {(erased: {conversationId: string, erasures: number, seqs: number[]}) => void} [onErased]
 *   These messages are deleted now and have no author any more (`Messages.erase`)
 * @property {() => void} [onReset]  Messages were erased unseen: drop all. The newest page follows, as on
 *   a first join without `after`
 * @property {(left: {conversationId: string, reason: "removed" | "deleted"}) => void} [onLeft]  The room is
 *   closed: the user was removed, or the conversation was deleted
 * @property {(userIds: string[]) => void} [onTyping]  Everyone else who is typing now
 * @property {(state: RoomState) => void} [onState]
 * @property {(error: ConfabError | null) => void} [onTrouble]  Three or more attempts in a row to
 *   connect or join have failed: why the last one did. The room keeps trying; null once it is live again
 * @property {(error: ConfabError) => void} [onError]  The room is closed and stays closed
 *
 * @typedef {"connecting" | "joining" | "live" | "reconnecting" | "closed"} RoomState
 */

/** One conversation, followed live. Made by `Confab.open`. */
export class Room {
  /** @type {string} */
  conversationId;
  #connection;
  #addMessage;
  #handlers;
  #sequence;
  /** @type {number | null} The number of erasures that what is shown reflects; null if that is unknown */
  #erasures;
  /** @type {RoomState} */
  #state = "connecting";
  #inTrouble = false;
  #joining = false;
  #joinAgain = false;
  #unsent = 0;
  #sending = Promise.resolve();
  #typing;
  #typists;

  /**
   * @param {string} conversationId
   * @param {Handlers} handlers
   * @param {{connection: import("./connection.js").Connection, after: number | null,
   *   erasures: number | null,
   *   addMessage: (conversationId: string, draft: object) => Promise<Message>}} parts
   *   `addMessage` is the fallback for a socket that does not respond
   */
  constructor(conversationId, handlers, { connection, after, erasures, addMessage }) {
    this.conversationId = conversationId;
    this.#handlers = handlers;
    this.#connection = connection;
    this.#addMessage = addMessage;
    this.#sequence = new Sequence(after);
    this.#erasures = erasures;
    this.#typing = new TypingNotifier((typing) => connection.hint("typing", { conversationId, typing }));
    this.#typists = new Typists((userIds) => this.#notify("onTyping", userIds));
  }

  /** @returns {RoomState} */
  get state() {
    return this.#state;
  }

  /** The address that serves this room. */
  get url() {
    return this.#connection.url;
  }

  /**
   * Write a message; messages are sent one at a time, in the order of the calls.
   *
   * Goes over the socket; if that fails or does not acknowledge in time, over REST with the same
   * `clientMessageId`, so that the message is stored once. Throws ConfabError; `rate_limited` at
   * once, since the other way would only go around the rate. It may be sent again later.
   *
   * @param {string} content
   * @param {{role?: "user" | "assistant" | "system", metadata?: object,
   *   clientMessageId?: string | null}} [more]
   * @returns {Promise<Message>} the stored message; `onMessage` gets it as well
   */
  async send(content, more = {}) {
    if (this.#state === "closed") throw localError("closed", "Open it again to write.");
    if (this.#unsent >= MOST_UNSENT) throw localError("busy", "Too many messages wait to be sent.");
    this.#typing.stop();
    this.#unsent += 1;
    const draft = { content, clientMessageId: crypto.randomUUID(), ...given(more) };
    const sent = this.#sending.then(() => this.#sendNow(draft)).finally(() => (this.#unsent -= 1));
    this.#sending = sent.then(
      () => undefined,
      () => undefined, // the caller gets it through `sent`; the next message goes out all the same
    );
    return await sent;
  }

  /** A key was pressed: the others see this user typing. May be called for every key. */
  typing() {
    if (this.#state === "live") this.#typing.keystroke();
  }

  /** Leave the room. No callback is called after this. */
  close() {
    if (this.#state === "closed") return;
    this.#handlers = {};
    this.#shut();
    this.#connection.remove(this);
  }

  // Callbacks of the connection.

  connected() {
    this.#join();
  }

  disconnected() {
    this.#typists.clear();
    this.#setState("reconnecting");
  }

  /** @param {ConfabError} error */
  troubled(error) {
    this.#inTrouble = true;
    this.#notify("onTrouble", error);
  }

  /** @param {ConfabError} error */
  failed(error) {
    if (this.#state === "closed") return;
    this.#shut();
    this.#notify("onError", error);
  }

  /** An entry has the name of its event as its kind. @param {string} event @param {any} payload */
  received(event, payload) {
    if (event === "typing") this.#typists.set(payload.userId, payload.typing);
    else if (event === "resync") this.#join();
    else if (event === "erased") this.#erased(payload);
    else if (event === "left") this.#left(payload);
    else if (event === payload.kind) this.#take(payload);
  }

  /** @param {object} draft */
  async #sendNow(draft) {
    try {
      const payload = { conversationId: this.conversationId, ...draft };
      return (await this.#connection.request("message", payload)).message;
    } catch (error) {
      if (!(error instanceof ConfabError) || !error.retryable || error.code === "rate_limited") throw error;
      if (error.status !== 0) await sleep(backoffMs(1)); // it responded: it asks for a pause
      return await this.#addMessage(this.conversationId, draft);
    }
  }

  /** Catch up and go live; a call during another makes that one start over when it is done. */
  async #join() {
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
  async #catchUp() {
    for (let failures = 0; this.#state !== "closed" && this.#connection.connected; ) {
      this.#setState("joining");
      const sequence = this.#sequence;
      const before = sequence.last;
      try {
        const after = before === null ? {} : { after: before };
        const page = await this.#connection.join({ conversationId: this.conversationId, ...after });
        if (this.#state === "closed" || sequence !== this.#sequence) return; // after a reset, it joins again
        if (this.#takePage(page, before)) return;
        if (this.#sequence.last !== before) failures = 0;
        else await sleep(backoffMs(failures++));
      } catch (error) {
        if (!(error instanceof ConfabError)) throw error;
        if (!this.#connection.connected || error.aboutToken) return; // the next connection joins
        if (!error.retryable) {
          this.failed(error);
          return this.#connection.remove(this);
        }
        const wait = Math.max(error.retryAfterMs ?? 0, backoffMs(failures++));
        if (failures >= TROUBLE_AFTER) this.troubled(error);
        await sleep(wait);
      }
    }
  }

  /**
   * Whether this page made the room live.
   *
   * @param {{conversation: Conversation, messages?: Message[], entries?: {seq: number, kind: string}[],
   *   hasMore: boolean}} page  `messages` on a join without a number, `entries` else
   * @param {number | null} after  What it was asked for
   */
  #takePage({ conversation, messages, entries, hasMore }, after) {
    if (after === null) this.#begin(conversation, messages);
    else if ((this.#erasures ??= conversation.erasures) !== conversation.erasures) {
      this.#reset();
      return false;
    } else for (const entry of entries) this.#take(entry);
    if (after !== null && hasMore) return false;
    this.#setState("live");
    if (this.#inTrouble) this.#notify("onTrouble", null);
    this.#inTrouble = false;
    this.#notify("onJoined", { conversation, hasMore });
    return true;
  }

  /** @param {Conversation} conversation @param {Message[]} messages  Its newest ones */
  #begin(conversation, messages) {
    this.#erasures = conversation.erasures;
    for (const message of messages) this.#show(message);
    if (conversation.status === "finalized") this.#show(endOf(conversation));
    this.#sequence.begin(conversation.seq);
  }

  /** Forget what was shown; the next join begins with the newest page. */
  #reset() {
    this.#sequence = new Sequence();
    this.#erasures = null;
    this.#notify("onReset");
  }

  /** @param {{seq: number, kind: string}} entry */
  #take(entry) {
    for (const ready of this.#sequence.offer(entry)) this.#show(ready);
    if (this.#sequence.gap && !this.#joining) this.#join();
  }

  /** An entry of a kind that is unknown here has no handler. @param {any} entry */
  #show(entry) {
    if (entry.kind === "message") this.#typists.set(entry.author, false);
    if (Object.hasOwn(HANDLERS, entry.kind)) this.#notify(HANDLERS[entry.kind], entry);
  }

  /** @param {{erasures: number, seqs: number[]}} erased */
  #erased(erased) {
    const known = this.#erasures;
    if (known === null) return; // the join under way reads what is left
    if (erased.erasures !== known && erased.erasures !== known + 1) {
      this.#reset();
      this.#join();
      return;
    }
    if (erased.seqs.length < ERASED_AT_ONCE) this.#erasures = erased.erasures; // else there may be more of this one
    this.#notify("onErased", erased);
  }

  /** @param {{reason: "removed" | "deleted"}} left */
  #left(left) {
    this.#shut();
    this.#notify("onLeft", left);
    this.#connection.remove(this);
  }

  #shut() {
    this.#typing.stop();
    this.#typists.clear();
    this.#setState("closed");
  }

  /** @param {RoomState} state */
  #setState(state) {
    if (state === this.#state || this.#state === "closed") return;
    this.#state = state;
    this.#notify("onState", state);
  }

  /** A handler that throws must not break the room: its error is reported as any uncaught one. */
  #notify(name, value) {
    try {
      this.#handlers[name]?.(value);
    } catch (error) {
      reportError(error);
    }
  }
}

/** @param {Conversation} conversation */
function endOf({ id, seq, finalizedAt }) {
  return { kind: "finalized", conversationId: id, seq, finalizedAt };
}

import { ConfabError, localError } from "./errors.js";
import { given } from "./rest.js";
import { backoffMs, sleep, TROUBLE_AFTER } from "./retry.js";
import { Sequence } from "./sequence.js";
import { Typists, TypingNotifier } from "./typing.js";

const MOST_UNSENT = 50;

/**
 * @typedef {import("../confab.js").Conversation} Conversation
 * @typedef {import("../confab.js").Message} Message
 *
 * @typedef {object} Handlers  Callbacks of a room; each is optional
 * @property {(joined: {conversation: Conversation, hasMore: boolean}) => void} [onJoined]
 *   After each join. On a first one without `after`, `hasMore` says that there are older messages
 * @property {(message: Message) => void} [onMessage]  Every message once, in order of `seq`
 * @property {(end: {conversationId: string, seq: number, finalizedAt: string}) => void} [onFinalized]
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
   *   addMessage: (conversationId: string, draft: object) => Promise<Message>}} parts
   *   `addMessage` is the fallback for a socket that does not respond
   */
  constructor(conversationId, handlers, { connection, after, addMessage }) {
    this.conversationId = conversationId;
    this.#handlers = handlers;
    this.#connection = connection;
    this.#addMessage = addMessage;
    this.#sequence = new Sequence(after);
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

  /** @param {string} event @param {any} payload */
  received(event, payload) {
    if (event === "typing") this.#typists.set(payload.userId, payload.typing);
    else if (event === "resync") this.#join();
    else this.#take({ seq: payload.seq, event, payload });
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
      const before = this.#sequence.last;
      try {
        const after = before === null ? {} : { after: before };
        const page = await this.#connection.join({ conversationId: this.conversationId, ...after });
        if (this.#state === "closed") return;
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
   * @param {{conversation: Conversation, messages: Message[], hasMore: boolean}} page
   * @param {number | null} after  What it was asked for
   */
  #takePage({ conversation, messages, hasMore }, after) {
    const more = after !== null && hasMore;
    const finalized = conversation.status === "finalized";
    if (after === null) this.#sequence.begin((messages[0]?.seq ?? (finalized ? conversation.seq : 1)) - 1);
    for (const message of messages) this.#take({ seq: message.seq, event: "message", payload: message });
    if (more) return false;
    if (finalized) this.#take({ seq: conversation.seq, event: "finalized", payload: endOf(conversation) });
    this.#setState("live");
    if (this.#inTrouble) this.#notify("onTrouble", null);
    this.#inTrouble = false;
    this.#notify("onJoined", { conversation, hasMore });
    return true;
  }

  /** @param {{seq: number, event: string, payload: any}} entry */
  #take(entry) {
    for (const { event, payload } of this.#sequence.offer(entry)) {
      if (event === "finalized") this.#notify("onFinalized", payload);
      else {
        this.#typists.set(payload.author, false);
        this.#notify("onMessage", payload);
      }
    }
    if (this.#sequence.gap && !this.#joining) this.#join();
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
  return { conversationId: id, seq, finalizedAt };
}

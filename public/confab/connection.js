import { ConfabError, localError, unreachable } from "./errors.js";
import { backoffMs, TROUBLE_AFTER } from "./retry.js";
import { Silence } from "./silence.js";
import { renewInMs } from "./token.js";

const ACK_MS = 5_000;
// Longer than Engine.IO's heartbeat (25 s + 20 s), which ends a connection that brings nothing at all.
const JOIN_SILENCE_MS = 60_000;
const CONNECT_MS = 10_000;
const STEADY_MS = 5_000;
const LINGER_MS = 3_000;
const RENEW_AGAIN_MS = 15_000;
const RENEW_APART_MS = 30_000;

/**
 * What a connection needs of a room. `Room` is the one that exists.
 *
 * @typedef {object} Tenant
 * @property {string} conversationId
 * @property {() => void} connected
 * @property {() => void} disconnected
 * @property {(event: string, payload: object) => void} received
 * @property {(error: ConfabError) => void} troubled   It goes on trying
 * @property {(error: ConfabError) => void} failed   For good: nothing follows
 */

/**
 * One Socket.IO connection to one realtime address, shared by the rooms that are served there.
 *
 * It stays up until its last room leaves: a lost one is opened again with a growing, jittered delay,
 * a planned close is followed at the time the server named, a token is renewed before it ends. Each
 * attempt is a new socket, so nothing of a lost one can be mistaken for the present one's.
 */
export class Connection {
  #url;
  #getToken;
  #io;
  #closed;
  /** @type {Map<string, Tenant>} */
  #rooms = new Map();
  #socket = null;
  #attempt = 0;
  #failures = 0;
  /** @type {ConfabError | null} */
  #trouble = null;
  #connectedAt = Infinity;
  #plannedAt = null;
  #newToken = false;
  #renewedAt = -Infinity;
  #retryTimer;
  #renewTimer;
  #lingerTimer;

  /**
   * @param {string} url
   * @param {{getToken: (force?: boolean) => Promise<string>, io: typeof import("socket.io-client").io,
   *   closed: () => void}} parts  `closed` is called once, when the connection has ended for good
   */
  constructor(url, { getToken, io, closed }) {
    this.#url = url;
    this.#getToken = getToken;
    this.#io = io;
    this.#closed = closed;
  }

  get url() {
    return this.#url;
  }

  get connected() {
    return this.#socket?.connected ?? false;
  }

  /** @param {Tenant} room */
  add(room) {
    if (this.#rooms.has(room.conversationId)) throw new Error("this conversation is open already");
    clearTimeout(this.#lingerTimer);
    this.#rooms.set(room.conversationId, room);
    if (this.connected) room.connected();
    else if (this.#attempt === 0) this.#connect();
    else if (this.#trouble) room.troubled(this.#trouble);
  }

  /** @param {Tenant} room */
  remove(room) {
    if (!this.#rooms.delete(room.conversationId)) return;
    if (this.connected) this.#socket.emit("leave", { conversationId: room.conversationId });
    if (this.#rooms.size === 0) this.#lingerTimer = setTimeout(() => this.#end(), LINGER_MS);
  }

  /**
   * The acknowledgement of an event, without its `ok`. Throws ConfabError: the server's, or `network`
   * or `timeout` if none came, in which case the event may or may not have had its effect.
   *
   * @param {string} event
   * @param {object} payload
   */
  async request(event, payload) {
    return await this.#acknowledged((socket) => socket.timeout(ACK_MS).emitWithAck(event, payload));
  }

  /**
   * The acknowledgement of a `join`. It holds a page of up to 256 KiB, behind those of other rooms, and
   * a WebSocket shows a message only when it is whole: on a slow link nothing is heard for long though
   * bytes come in. So this waits while other packets arrive, and for 60 s after the last one. By then
   * a heartbeat has come through, which a page on its way would have preceded: the server sent none.
   * Asking again on this connection could queue a second page behind a late first, so it is given up.
   *
   * @param {{conversationId: string, after?: number}} payload
   */
  async join(payload) {
    return await this.#acknowledged(async (socket) => {
      const silence = new Silence(JOIN_SILENCE_MS, () => socket.disconnect());
      const heard = ({ type }) => type === "message" && silence.heard();
      const { engine } = socket.io;
      engine.on("packet", heard);
      try {
        return await socket.emitWithAck("join", payload);
      } finally {
        engine.off("packet", heard);
        silence.end();
      }
    });
  }

  /** @param {(socket: import("socket.io-client").Socket) => Promise<any>} emit */
  async #acknowledged(emit) {
    if (!this.connected) throw localError("network", "There is no connection.");
    let ack;
    try {
      ack = await emit(this.#socket);
    } catch (error) {
      if (this.connected) throw localError("timeout", "The server did not acknowledge in time.", error);
      throw localError("network", "The connection was lost.", error);
    }
    const { ok, ...answer } = ack;
    if (!ok) throw new ConfabError(answer.error);
    return answer;
  }

  /** Send what may be lost. @param {string} event @param {object} payload */
  hint(event, payload) {
    if (this.connected) this.#socket.volatile.emit(event, payload);
  }

  async #connect() {
    const attempt = (this.#attempt += 1);
    const fresh = this.#newToken;
    this.#connectedAt = Infinity;
    let token;
    try {
      token = await this.#getToken(fresh);
    } catch (error) {
      if (attempt === this.#attempt) this.#refused(error);
      return;
    }
    if (attempt !== this.#attempt) return;
    const socket = this.#io(this.#url, {
      transports: ["websocket"],
      auth: { token },
      forceNew: true,
      reconnection: false,
      timeout: CONNECT_MS,
    });
    this.#socket = socket;
    socket.on("connect", () => this.#opened(token, fresh));
    socket.on("connect_error", (error) => {
      this.#refused(error.data ? new ConfabError(error.data) : unreachable(this.#url, error));
    });
    socket.on("disconnect", () => this.#lost());
    socket.on("going_away", ({ reconnectAfterMs }) => this.#goingAway(reconnectAfterMs));
    socket.on("auth_expired", () => (this.#newToken = true));
    socket.onAny((event, payload) => this.#rooms.get(payload?.conversationId)?.received(event, payload));
  }

  /** @param {string} token @param {boolean} fresh */
  #opened(token, fresh) {
    this.#connectedAt = performance.now();
    this.#plannedAt = null;
    this.#trouble = null;
    this.#newToken = false;
    this.#renewBefore(token, fresh);
    for (const room of [...this.#rooms.values()]) room.connected();
  }

  #lost() {
    clearTimeout(this.#renewTimer);
    if (performance.now() - this.#connectedAt >= STEADY_MS) this.#failures = 0;
    for (const room of [...this.#rooms.values()]) room.disconnected();
    if (this.#rooms.size === 0) this.#end();
    else if (this.#plannedAt !== null) this.#connectIn(Math.max(0, this.#plannedAt - performance.now()));
    else this.#tryLater(localError("network", `${this.#url} closes connections before they can be used.`));
  }

  /** The server closes soon: go when it said, or with it if it closes first. @param {number} delay */
  #goingAway(delay) {
    const socket = this.#socket;
    this.#plannedAt = performance.now() + delay;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => socket.disconnect(), delay);
  }

  /** @param {ConfabError} error */
  #refused(error) {
    if (error.aboutToken && !this.#newToken) {
      this.#newToken = true;
      this.#connectIn(0);
    } else if (error.retryable) {
      this.#tryLater(error);
    } else {
      this.#end(error);
    }
  }

  /** @param {ConfabError} error  Why this try failed; from the third in a row on, the rooms are notified */
  #tryLater(error) {
    this.#connectIn(Math.max(error.retryAfterMs ?? 0, backoffMs(this.#failures++)));
    if (this.#failures < TROUBLE_AFTER) return;
    this.#trouble = error;
    for (const room of [...this.#rooms.values()]) room.troubled(error);
  }

  /** @param {number} delay */
  #connectIn(delay) {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#connect(), delay);
  }

  /** @param {string} token @param {boolean} fresh  Whether it has just been issued */
  #renewBefore(token, fresh) {
    clearTimeout(this.#renewTimer);
    if (fresh) this.#renewedAt = performance.now();
    const delay = renewInMs(token, { fresh });
    const apart = this.#renewedAt + RENEW_APART_MS - performance.now();
    if (delay !== null) this.#renewTimer = setTimeout(() => this.#renew(), Math.max(delay, apart));
  }

  /** A renewal that fails is tried again; should none succeed, `auth_expired` ends the socket. */
  async #renew() {
    const socket = this.#socket;
    try {
      const token = await this.#getToken(true);
      await this.request("auth", { token });
      if (socket === this.#socket) this.#renewBefore(token, true);
    } catch {
      if (socket === this.#socket && socket.connected) {
        this.#renewTimer = setTimeout(() => this.#renew(), RENEW_AGAIN_MS);
      }
    }
  }

  /** @param {ConfabError} [error]  Why, unless it was wished for */
  #end(error) {
    this.#attempt = Infinity;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#renewTimer);
    clearTimeout(this.#lingerTimer);
    this.#socket?.off();
    this.#socket?.offAny();
    this.#socket?.disconnect();
    this.#closed();
    for (const room of [...this.#rooms.values()]) room.failed(error);
    this.#rooms.clear();
  }
}

import type { io as connectSocket, Socket } from "socket.io-client";

import { ConfabError, localError, problemError, unconnectable, unreachable } from "./errors.js";
import { backoffMs, sleep, TROUBLE_AFTER } from "./retry.js";
import { Silence } from "./silence.js";
import { renewInMs, type Tokens } from "./token.js";
import { onWake } from "./wake.js";

const ACK_MS = 5_000;
// Longer than Engine.IO's heartbeat (25 s + 20 s), which ends a connection that brings nothing at all.
const JOIN_SILENCE_MS = 60_000;
const CONNECT_MS = 10_000;
const STEADY_MS = 5_000;
const LINGER_MS = 3_000;
const RENEW_AGAIN_MS = 15_000;
const RENEW_APART_MS = 30_000;
const FRESH_MS = 3_000;
const PROBE_MS = 2_000;
const DIAGNOSIS_MS = 5_000;

type Timer = ReturnType<typeof setTimeout>;

/** What a connection needs of a room. `Room` is the one that exists. */
export interface Tenant {
  readonly conversationId: string;
  connected(): void;
  disconnected(): void;
  received(event: string, payload: any): void;
  /** It goes on trying. */
  troubled(error: ConfabError): void;
  /** For good: nothing follows. Without an error it was wished for. */
  failed(error?: ConfabError): void;
}

export interface ConnectionParts {
  /** For a renewal. */
  getToken: (force: boolean) => Promise<string>;
  /** For a handshake. */
  getTokens: (force: boolean) => Promise<Tokens>;
  io: typeof connectSocket;
  fetch: typeof globalThis.fetch;
  /** Called once, when the connection has ended for good. */
  closed: () => void;
}

/**
 * One Socket.IO connection to one realtime address, shared by the rooms that are served there.
 *
 * It stays up until its last room leaves: a lost one is opened again with a growing, jittered delay,
 * a planned close is followed at the time the server named, a token is renewed before it ends. Each
 * attempt is a new socket, so nothing of a lost one can be mistaken for the present one's.
 */
export class Connection {
  readonly #parts: ConnectionParts;
  readonly #rooms = new Map<string, Tenant>();
  readonly #stopWatching: () => void;
  #socket: Socket | null = null;
  #attempt = 0;
  #failures = 0;
  #trouble: ConfabError | null = null;
  #connectedAt = Infinity;
  #heardAt = -Infinity;
  /** Whether the next attempt waits for its time. */
  #waiting = false;
  /** Whether the connection is given up because it gave no sign of life. */
  #dead = false;
  #plannedAt: number | null = null;
  #newToken = false;
  #renewedAt = -Infinity;
  #retryTimer: Timer | undefined;
  #renewTimer: Timer | undefined;
  #lingerTimer: Timer | undefined;

  constructor(
    readonly url: string,
    parts: ConnectionParts,
  ) {
    this.#parts = parts;
    this.#stopWatching = onWake(() => this.#woke());
  }

  /** The connection that is open now; null if there is none. */
  get link(): object | null {
    return this.connected ? this.#socket : null;
  }

  get connected(): boolean {
    return this.#socket?.connected ?? false;
  }

  add(room: Tenant): void {
    if (this.#rooms.has(room.conversationId)) throw new Error("this conversation is open already");
    clearTimeout(this.#lingerTimer);
    this.#rooms.set(room.conversationId, room);
    if (this.connected) room.connected();
    else if (this.#attempt === 0) void this.#connect();
    else if (this.#trouble) room.troubled(this.#trouble);
  }

  remove(room: Tenant): void {
    if (!this.#rooms.delete(room.conversationId)) return;
    if (this.connected) this.#socket?.emit("leave", { conversationId: room.conversationId });
    if (this.#rooms.size === 0) this.#lingerTimer = setTimeout(() => this.#end(), LINGER_MS);
  }

  /**
   * The acknowledgement of an event, without its `ok`. Throws ConfabError: the server's, or `network`
   * or `timeout` if none came for 5 s in which nothing else came either: the event may or may not have had
   * its effect. Requests may be under way together; the server takes up those of one socket in order.
   */
  async request(event: string, payload: object): Promise<any> {
    return await this.#acknowledged(event, payload, ACK_MS, (_, giveUp) => giveUp());
  }

  /**
   * The acknowledgement of a `join`. It holds a page of up to 256 KiB, behind those of other rooms, and
   * a WebSocket shows a message only when it is whole: on a slow link nothing is heard for long though
   * bytes come in. So this waits while other packets arrive, and for 60 s after the last one. By then
   * a heartbeat has come through, which a page on its way would have preceded: the server sent none.
   * Asking again on this connection could queue a second page behind a late first, so it is given up.
   */
  async join(payload: { conversationId: string; after?: number }): Promise<any> {
    return await this.#acknowledged("join", payload, JOIN_SILENCE_MS, (socket) => socket.disconnect());
  }

  /** Send what may be lost. */
  hint(event: string, payload: object): void {
    if (this.connected) this.#socket?.volatile.emit(event, payload);
  }

  async #acknowledged(
    event: string,
    payload: object,
    silenceMs: number,
    silent: (socket: Socket, giveUp: () => void) => void,
  ): Promise<any> {
    const socket = this.#socket;
    if (!socket?.connected) throw localError("network", "There is no connection.");
    let giveUp!: () => void;
    const late = new Promise<never>((_, reject) => {
      giveUp = () => reject(localError("timeout", "The server did not acknowledge in time."));
    });
    const silence = new Silence(silenceMs, () => silent(socket, giveUp));
    const heard = ({ type }: { type: string }) => type === "message" && silence.heard();
    const { engine } = socket.io;
    engine.on("packet", heard);
    let ack;
    try {
      ack = await Promise.race([socket.emitWithAck(event, payload), late]);
    } catch (error) {
      if (error instanceof ConfabError) throw error;
      throw localError("network", "The connection was lost.", error);
    } finally {
      engine.off("packet", heard);
      silence.end();
    }
    const { ok, ...answer } = ack;
    if (!ok) throw problemError(answer.error);
    return answer;
  }

  async #connect(): Promise<void> {
    const attempt = (this.#attempt += 1);
    this.#waiting = false;
    const fresh = this.#newToken;
    this.#connectedAt = Infinity;
    let tokens: Tokens;
    try {
      tokens = await this.#parts.getTokens(fresh);
    } catch (error) {
      if (attempt === this.#attempt) this.#refused(error as ConfabError);
      return;
    }
    if (attempt !== this.#attempt) return;
    const socket = this.#parts.io(this.url, {
      // Long polling, where one instance or session affinity lets it work, is better than nothing at all.
      transports: this.#trouble ? ["websocket", "polling"] : ["websocket"],
      tryAllTransports: true,
      auth: tokens,
      forceNew: true,
      reconnection: false,
      timeout: CONNECT_MS,
    });
    this.#socket = socket;
    socket.io.on("open", () => socket.io.engine.on("packet", () => (this.#heardAt = performance.now())));
    socket.on("connect", () => this.#opened(tokens.token, fresh));
    socket.on("connect_error", (error: Error & { data?: any }) => {
      if (error.data) this.#refused(problemError(error.data));
      else void this.#unopened(error);
    });
    socket.on("disconnect", () => this.#lost());
    socket.on("going_away", ({ reconnectAfterMs }) => this.#goingAway(reconnectAfterMs));
    socket.on("auth_expired", () => (this.#newToken = true));
    socket.onAny((event, payload) => this.#rooms.get(payload?.conversationId)?.received(event, payload));
  }

  #opened(token: string, fresh: boolean): void {
    this.#connectedAt = performance.now();
    this.#plannedAt = null;
    this.#trouble = null;
    this.#newToken = false;
    this.#renewBefore(token, fresh);
    for (const room of [...this.#rooms.values()]) room.connected();
  }

  #lost(): void {
    clearTimeout(this.#renewTimer);
    if (performance.now() - this.#connectedAt >= STEADY_MS) this.#failures = 0;
    for (const room of [...this.#rooms.values()]) room.disconnected();
    if (this.#rooms.size === 0) this.#end();
    else if (this.#dead) this.#connectIn(0);
    else if (this.#plannedAt !== null) this.#connectIn(Math.max(0, this.#plannedAt - performance.now()));
    else this.#tryLater(localError("network", `${this.url} closes connections before they can be used.`));
    this.#dead = false;
  }

  /** The server closes soon: go when it said, or with it if it closes first. */
  #goingAway(delay: number): void {
    const socket = this.#socket;
    this.#plannedAt = performance.now() + delay;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => socket?.disconnect(), delay);
  }

  /** No connection came about. A browser does not say why: from the third time on, the server is asked. */
  async #unopened(cause: Error): Promise<void> {
    const attempt = this.#attempt;
    const why = this.#failures + 1 >= TROUBLE_AFTER ? await this.#diagnosis(cause) : unreachable(this.url, cause);
    if (attempt === this.#attempt) this.#tryLater(why);
  }

  /** `GET /health` can be read by any page, and says whether this one may connect. */
  async #diagnosis(cause: Error): Promise<ConfabError> {
    try {
      const signal = AbortSignal.timeout(DIAGNOSIS_MS);
      const response = await this.#parts.fetch(new URL("/health", this.url), { cache: "no-store", signal });
      const { originAllowed } = await response.json();
      return unconnectable(this.url, originAllowed === false, cause);
    } catch {
      return unreachable(this.url, cause);
    }
  }

  /** Only what neither a new token nor time cures is final. */
  #refused(error: ConfabError): void {
    if (error.aboutToken && !this.#newToken) {
      this.#newToken = true;
      this.#connectIn(0);
    } else if (error.final) {
      this.#end(error);
    } else {
      this.#tryLater(error);
    }
  }

  /** @param error  Why this try failed; from the third in a row on, the rooms are notified */
  #tryLater(error: ConfabError): void {
    this.#connectIn(Math.max(error.retryAfterMs ?? 0, backoffMs(this.#failures++)));
    if (this.#failures < TROUBLE_AFTER) return;
    this.#trouble = error;
    for (const room of [...this.#rooms.values()]) room.troubled(error);
  }

  #connectIn(delay: number): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => void this.#connect(), delay);
    this.#waiting = true;
  }

  /**
   * After a sleep a connection may be dead without a sign: Engine.IO would notice after 45 s. So it is asked
   * for an answer within 2 s, unless it has just been heard. A connection that is waited for is tried now.
   */
  #woke(): void {
    if (this.connected) void this.#probe();
    else if (this.#waiting) this.#connectIn(0);
  }

  async #probe(): Promise<void> {
    const socket = this.#socket;
    const [conversationId] = this.#rooms.keys();
    const asked = performance.now();
    if (conversationId === undefined || asked - this.#heardAt < FRESH_MS) return;
    socket?.emit("typing", { conversationId, typing: false }, () => undefined); // a refusal is a sign of life, too
    await sleep(PROBE_MS);
    if (socket !== this.#socket || !this.connected || this.#heardAt >= asked) return;
    this.#dead = true;
    socket?.disconnect();
  }

  /** @param fresh  Whether it has just been issued */
  #renewBefore(token: string, fresh: boolean): void {
    clearTimeout(this.#renewTimer);
    if (fresh) this.#renewedAt = performance.now();
    const delay = renewInMs(token, { fresh });
    const apart = this.#renewedAt + RENEW_APART_MS - performance.now();
    if (delay !== null) this.#renewTimer = setTimeout(() => void this.#renew(), Math.max(delay, apart));
  }

  /** A renewal that fails is tried again; should none succeed, `auth_expired` ends the socket. */
  async #renew(): Promise<void> {
    const socket = this.#socket;
    try {
      const token = await this.#parts.getToken(true);
      await this.request("auth", { token });
      if (socket === this.#socket) this.#renewBefore(token, true);
    } catch {
      if (socket === this.#socket && socket?.connected) {
        this.#renewTimer = setTimeout(() => void this.#renew(), RENEW_AGAIN_MS);
      }
    }
  }

  /** @param error  Why, unless it was wished for */
  #end(error?: ConfabError): void {
    this.#attempt = Infinity;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#renewTimer);
    clearTimeout(this.#lingerTimer);
    this.#stopWatching();
    this.#socket?.off();
    this.#socket?.offAny();
    this.#socket?.disconnect();
    this.#parts.closed();
    for (const room of [...this.#rooms.values()]) room.failed(error);
    this.#rooms.clear();
  }
}

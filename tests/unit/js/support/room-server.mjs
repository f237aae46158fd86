import { once } from "node:events";
import { createServer } from "node:http";

import { WebSocketServer } from "ws";

import { SPEED } from "./clock.mjs";

const PAGE = 3;

/**
 * One conversation on the wire: Socket.IO v5 over Engine.IO v4, as far as a room needs it, with the
 * faults of a real server at hand. `t` is the test that it lives for.
 */
export class RoomServer {
  conversation = { id: "c", status: "active", seq: 0, erasures: 0, finalizedAt: null };
  /** The log. */
  entries = [];
  /** What clients sent: `[event, payload]`, and `["connect", auth]`. */
  heard = [];
  /** Whether connections are accepted; a browser says no more about one that is not. */
  accepts = true;
  originAllowed = true;
  /** Problems with which the next handshakes are refused. */
  refusals = [];
  /** Problems with which the next messages are refused. */
  messageRefusals = [];
  /** Problems with which the next joins are refused. */
  joinRefusals = [];
  /** Events whose acknowledgements get lost, with their connection. */
  losesAckOf = new Set();
  /** Events that are not acknowledged, on a connection that lives on. */
  ignores = new Set();
  /** Called once before the next join is answered. */
  beforeJoin = null;
  #live = new Set();

  /** How long a packet is on its way, in milliseconds. */
  delayMs = 0;

  static async start(t, { delayMs = 0 } = {}) {
    const server = Object.assign(new RoomServer(), { delayMs });
    const http = createServer(({ url }, response) => {
      if (url !== "/health") return response.writeHead(404).end();
      response.writeHead(200, { "Access-Control-Allow-Origin": "*" });
      response.end(JSON.stringify({ originAllowed: server.originAllowed }));
    });
    const sockets = new WebSocketServer({ server: http, verifyClient: () => server.accepts });
    sockets.on("connection", (socket) => server.#connected(socket));
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    t.after(() => {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      http.close();
    });
    server.url = `http://127.0.0.1:${http.address().port}`;
    server.clients = sockets.clients;
    return server;
  }

  /** `fetch` of the same conversation over REST. */
  rest() {
    return async (url, { body } = {}) => {
      const { pathname, searchParams } = new URL(url, this.url);
      if (pathname === "/health") return await fetch(url);
      if (pathname === "/api/conversations/c") return Response.json({ conversation: this.#conversation(), ...this.#newest() });
      if (pathname === "/api/conversations/c/messages") return Response.json(this.add(JSON.parse(body).content, JSON.parse(body)));
      if (pathname === "/api/conversations/c/log") return Response.json(this.#page(Number(searchParams.get("after"))));
      throw new TypeError(`nothing is served at ${pathname}`);
    };
  }

  /** Go back to the first entries, as after a restored backup. */
  restore(seq) {
    this.entries.length = this.conversation.seq = seq;
  }

  get messages() {
    return this.entries.filter(({ kind }) => kind === "message");
  }

  /** Store an entry; the live sockets are told unless `tell` is false. */
  log(kind, fields, { tell = true } = {}) {
    const entry = { kind, conversationId: "c", seq: (this.conversation.seq += 1), ...fields };
    this.entries.push(entry);
    if (tell) this.tell(kind, entry);
    return entry;
  }

  /** Store a message. */
  add(content, { tell, clientMessageId = null } = {}) {
    const known = this.messages.find((message) => clientMessageId && message.clientMessageId === clientMessageId);
    const version = this.conversation.seq + 1;
    return known ?? this.log("message", { version, author: "bo", content, clientMessageId }, { tell });
  }

  finalize() {
    Object.assign(this.conversation, { status: "finalized", finalizedAt: "then" });
    this.log("finalized", { finalizedAt: "then" });
  }

  /** Send an event to the live sockets. */
  tell(event, payload) {
    for (const socket of this.#live) this.#send(socket, `42${JSON.stringify([event, payload])}`);
  }

  /** Take every socket out of the room without a word. */
  forget() {
    this.#live.clear();
  }

  /** Neither hear nor say anything on the connections that there are, without closing them. */
  swallow() {
    for (const socket of this.clients) {
      socket.removeAllListeners("message");
      this.#live.delete(socket);
    }
  }

  /** Cut every connection. */
  cut() {
    for (const socket of this.clients) socket.terminate();
  }

  count(event) {
    return this.heard.filter(([name]) => name === event).length;
  }

  #connected(socket) {
    socket.send(`0${JSON.stringify({ sid: "s", upgrades: [], pingInterval: 25_000, pingTimeout: 20_000 })}`);
    socket.on("close", () => this.#live.delete(socket));
    socket.on("message", (data) => this.#later(() => this.#packet(socket, String(data))));
  }

  #send(socket, text) {
    this.#later(() => socket.send(text));
  }

  #later(act) {
    if (this.delayMs === 0) act();
    else setTimeout(act, this.delayMs * SPEED); // the clock of the client is the faster one
  }

  #packet(socket, text) {
    if (text.startsWith("40")) return this.#handshake(socket, JSON.parse(text.slice(2)));
    const [, id, json] = /^42(\d*)(.*)$/s.exec(text) ?? [];
    if (json === undefined) return;
    const [event, payload] = JSON.parse(json);
    this.heard.push([event, payload]);
    const ack = this.#answer(socket, event, payload);
    if (this.losesAckOf.has(event)) socket.terminate();
    else if (this.ignores.has(event)) return;
    else if (id) this.#send(socket, `43${id}${JSON.stringify([ack])}`);
  }

  #handshake(socket, auth) {
    this.heard.push(["connect", auth]);
    const refusal = this.refusals.shift();
    socket.send(refusal ? `44${JSON.stringify({ message: "no", data: refusal })}` : '40{"sid":"s"}');
  }

  #answer(socket, event, payload) {
    const refusals = { message: this.messageRefusals, join: this.joinRefusals }[event];
    const refusal = refusals?.shift();
    if (refusal) return { ok: false, error: refusal };
    if (event === "message") return { ok: true, message: this.add(payload.content, payload) };
    if (event !== "join") return { ok: true };
    this.beforeJoin?.();
    this.beforeJoin = null;
    if (payload.conversationId !== "c") return { ok: false, error: problem("not_found", 404) };
    const { after } = payload;
    const page = after === undefined ? this.#newest() : this.#page(after);
    if (after === undefined || !page.hasMore) this.#live.add(socket);
    return { ok: true, conversation: this.#conversation(), ...page };
  }

  #conversation() {
    return { ...this.conversation, updatedAt: String(this.conversation.seq), realtimeUrl: this.url };
  }

  #newest() {
    return { messages: this.messages.slice(-PAGE), hasMore: this.messages.length > PAGE };
  }

  #page(after) {
    const newer = this.entries.filter(({ seq }) => seq > after);
    return { entries: newer.slice(0, PAGE), hasMore: newer.length > PAGE };
  }
}

export function problem(code, status) {
  return { type: `urn:confab:error:${code}`, title: code, status, detail: "why", code, requestId: "r-1" };
}

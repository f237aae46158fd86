// What a developer would write for Node: Express and Socket.IO, with Confab's events.
//
//   PORT=… node server.mjs CERTIFICATE_FILE
//
// Verifies the token of each socket and keeps its claims, lets it join rooms, and sends a room
// every message. With SURREALDB_URL and PUBSUB_EMULATOR_HOST it stores each message first, and
// sends it to the other instances by an adapter on Pub/Sub. It does nothing else that Confab does:
// no access rules, no retries of clients, no gaps filled.
import { createPublicKey, randomBytes, verify, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import express from "express";
import { Server } from "socket.io";

const [certificate] = process.argv.slice(2);
const { PORT, PUBSUB_EMULATOR_HOST, SURREALDB_URL, SURREALDB_USER, SURREALDB_PASSWORD } = process.env;
const key = createPublicKey(new X509Certificate(readFileSync(certificate)).publicKey.export({ type: "spki", format: "pem" }));
const decode = (part) => Buffer.from(part, "base64url");
const verified = new Map();

function claimsOf(token) {
  const known = verified.get(token);
  if (known !== undefined) return known;
  const [head, body, signature] = token.split(".");
  if (!verify("RSA-SHA256", Buffer.from(`${head}.${body}`), key, decode(signature))) throw new Error("unauthenticated");
  const claims = JSON.parse(decode(body));
  if (claims.exp * 1000 < Date.now()) throw new Error("token_expired");
  verified.set(token, claims);
  return claims;
}

function counting() {
  const seqs = new Map();
  return async (conversationId, message) => {
    const seq = (seqs.get(conversationId) ?? 0) + 1;
    seqs.set(conversationId, seq);
    return { ...message, seq };
  };
}

// One transaction takes a number and creates the record. Appends do not wait for each other.
async function storing() {
  const { RecordId, Surreal } = await import("surrealdb");
  const { WebSocket } = await import("ws");
  const db = new Surreal({ websocketImpl: WebSocket });
  await db.connect(`${SURREALDB_URL}/rpc`, { authentication: { username: SURREALDB_USER, password: SURREALDB_PASSWORD } });
  await db.query("DEFINE NAMESPACE IF NOT EXISTS bench; USE NS bench; DEFINE DATABASE IF NOT EXISTS bench");
  await db.use({ namespace: "bench", database: "bench" });
  const appending = `{
    LET $found = (UPSERT ONLY $conversation SET seq += 1);
    RETURN (CREATE ONLY type::record('message', [record::id($conversation), $found.seq]) CONTENT $message);
  }`;
  return async function store(conversationId, message) {
    try {
      const [stored] = await db.query(appending, { conversation: new RecordId("conversation", conversationId), message });
      return { ...message, seq: stored.id.id[1] };
    } catch (error) {
      if (!String(error).includes("can be retried")) throw error;
      return store(conversationId, message);
    }
  };
}

// A subscription of this instance's own, as adapters for clusters have it. The client's default of
// 10 ms for a batch would delay each message by as much, and saves no CPU here.
async function clustering() {
  const { ClusterAdapter } = await import("socket.io-adapter");
  const { PubSub } = await import("@google-cloud/pubsub");
  const pubsub = new PubSub({ projectId: "bench" });
  const made = pubsub.topic("socket.io", { batching: { maxMilliseconds: 1 } });
  await made.create().catch((error) => {
    if (error.code !== 6) throw error; // another instance has created it
  });
  const [subscription] = await made.createSubscription(`socket.io-${randomBytes(8).toString("hex")}`);
  const publish = (message) => made.publishMessage({ data: Buffer.from(JSON.stringify(message)) });
  return class extends ClusterAdapter {
    constructor(namespace) {
      super(namespace);
      subscription.on("message", (received) => {
        received.ack();
        const message = JSON.parse(received.data);
        if (message.requester === undefined) this.onMessage(message);
        else if (message.requester === this.uid) this.onResponse(message.response);
      });
    }
    doPublish(message) {
      return publish(message);
    }
    doPublishResponse(requester, response) {
      return publish({ requester, response });
    }
  };
}

const store = SURREALDB_URL === undefined ? counting() : await storing();
const adapter = PUBSUB_EMULATOR_HOST === undefined ? undefined : await clustering();
const server = createServer(express());
const io = new Server(server, { perMessageDeflate: false, adapter });

io.use((socket, next) => {
  try {
    socket.data.uid = claimsOf(socket.handshake.auth.token).sub;
    next();
  } catch (error) {
    next(error);
  }
});

io.on("connection", (socket) => {
  socket.on("join", ({ conversationId }, ack) => {
    socket.join(conversationId);
    ack({ ok: true });
  });
  socket.on("message", async ({ conversationId, content }, ack) => {
    const message = await store(conversationId, {
      conversationId,
      role: "user",
      author: socket.data.uid,
      content,
      clientMessageId: null,
      metadata: {},
      createdAt: new Date().toISOString(),
    });
    message.id = `${conversationId}-${message.seq}`;
    io.to(conversationId).emit("message", message);
    ack({ ok: true, message });
  });
});

server.listen(Number(PORT), "127.0.0.1");

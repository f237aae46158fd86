// What a developer would write for Node: Express and Socket.IO, with Confab's events.
//
//   PORT=… node server.mjs CERTIFICATE_FILE [STORE_FOLDER]
//
// Verifies the token of each socket and keeps its claims, lets it join rooms, and sends a room
// every message. With a folder it stores each message first, in SurrealDB inside this process.
// It does nothing else that Confab does: no access rules, no retries, no gaps filled.
import { createPublicKey, verify, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import express from "express";
import { Server } from "socket.io";

const [certificate, folder] = process.argv.slice(2);
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

const seqs = new Map();
let store = async (conversationId, message) => {
  const seq = (seqs.get(conversationId) ?? 0) + 1;
  seqs.set(conversationId, seq);
  return { ...message, seq };
};

if (folder !== undefined) {
  const { Surreal, RecordId, createRemoteEngines } = await import("surrealdb");
  const { createNodeEngines } = await import("@surrealdb/node");
  const db = new Surreal({ engines: { ...createRemoteEngines(), ...createNodeEngines() } });
  await db.connect(`surrealkv://${folder}`);
  await db.use({ namespace: "bench", database: "bench" });
  const appending = `{
    LET $found = (UPSERT ONLY $conversation SET seq += 1);
    RETURN (CREATE ONLY type::record('message', [record::id($conversation), $found.seq]) CONTENT $message);
  }`;
  // One append of a conversation at a time; conflicts with others' transactions are tried again.
  const last = new Map();
  store = (conversationId, message) => {
    const conversation = new RecordId("conversation", conversationId);
    const append = async () => {
      try {
        const [stored] = await db.query(appending, { conversation, message });
        return { ...message, seq: stored.id.id[1] };
      } catch (error) {
        if (!String(error).includes("can be retried")) throw error;
        return append();
      }
    };
    const stored = (last.get(conversationId) ?? Promise.resolve()).then(append);
    last.set(conversationId, stored);
    return stored;
  };
}

const server = createServer(express());
const io = new Server(server, { perMessageDeflate: false });

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

server.listen(Number(process.env.PORT), "127.0.0.1");

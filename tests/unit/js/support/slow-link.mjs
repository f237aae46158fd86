import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

import { SPEED } from "./clock.mjs";

const SLICES_PER_S = 10;

/** The address of a proxy that brings what a server sends at so many bytes a second of the client's clock. */
export async function slowLink(t, url, bytesPerS) {
  const { hostname, port } = new URL(url);
  const sockets = new Set();
  const proxy = createServer((client) => {
    const server = connect(Number(port), hostname);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => [client, server].forEach((end) => end.destroy()));
    }
    client.pipe(server);
    trickle(server, client, bytesPerS / SLICES_PER_S).catch(() => client.destroy());
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return `http://127.0.0.1:${proxy.address().port}`;
}

async function trickle(from, to, slice) {
  let due = Date.now();
  for await (const chunk of from) {
    due = Math.max(due, Date.now());
    for (let start = 0; start < chunk.length; start += slice) {
      to.write(chunk.subarray(start, start + slice));
      due += 1000 / SLICES_PER_S / SPEED;
      if (due > Date.now()) await pause(due - Date.now()); // a busy machine that is late makes up for it
    }
  }
}

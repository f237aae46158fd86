// Many stock Socket.IO clients under remote control, in one process.
// A JSON line on stdin opens a socket {open, url, auth}, closes it {close}, or emits on it
// {on, id, event, payload, ms}. A line on stdout says what came to which socket:
// {on, connected}, {on, refused}, {on, closed}, {on, event, payload} or {on, ack, data}.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const CONNECT_MS = 5000;
const sockets = new Map();
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const open = (on, url, auth) => {
  const socket = io(url, {
    auth, transports: ["websocket"], reconnection: false, forceNew: true, timeout: CONNECT_MS,
  });
  sockets.set(on, socket);
  socket.on("connect", () => say({ on, connected: true }));
  socket.on("connect_error", (error) => { say({ on, refused: error.data ?? null }); close(on); });
  socket.on("disconnect", (reason) => { say({ on, closed: reason }); close(on); });
  socket.onAny((event, payload) => say({ on, event, payload }));
};

const close = (on) => {
  const socket = sockets.get(on);
  sockets.delete(on);
  socket?.offAny();
  socket?.disconnect();
};

const emit = ({ on, id, event, payload, ms }) => {
  sockets.get(on)?.timeout(ms).emit(event, payload, (error, data) =>
    say({ on, ack: id, data: error ? null : data }));
};

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  const said = JSON.parse(line);
  if ("open" in said) open(said.open, said.url, said.auth);
  else if ("close" in said) close(said.close);
  else emit(said);
});
input.on("close", () => process.exit(0));

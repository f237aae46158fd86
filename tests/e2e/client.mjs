// A stock Socket.IO client under remote control: a JSON line on stdin is an event to emit, a line
// on stdout is what came: {event, payload}, {ack, data}, {connected}, {refused} or {closed}.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, auth, transports] = process.argv.slice(2);
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const socket = io(url, { auth: JSON.parse(auth), transports: JSON.parse(transports), reconnection: false });

socket.on("connect", () => say({ connected: socket.id }));
socket.on("connect_error", (error) => say({ refused: error.data ?? { message: error.message } }));
socket.on("disconnect", (reason) => say({ closed: reason }));
socket.onAny((event, payload) => say({ event, payload }));

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  const { id, event, payload } = JSON.parse(line);
  socket.timeout(15000).emit(event, payload, (error, data) => say({ ack: id, data: error ? null : data }));
});
input.on("close", () => socket.disconnect());

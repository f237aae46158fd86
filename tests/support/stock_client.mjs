// A stock Socket.IO client under remote control: node stock_client.mjs PACKAGE URL TRANSPORT,…
// Says {connected, transport} after each connect, once no upgrade is to come. A JSON line on stdin
// {event, payload, binary} is emitted, with bytes as the payload if binary; {ack} is what comes back.
import { createInterface } from "node:readline";

const [name, url, list] = process.argv.slice(2);
const { io } = (await import(name)).default;
const transports = list.split(",");
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const socket = io(url, { auth: { token: "alice" }, transports, reconnectionDelay: 100, randomizationFactor: 0 });
socket.on("connect", () => {
  const { engine } = socket.io;
  const connected = () => say({ connected: socket.id, transport: engine.transport.name });
  if (engine.transport.name === transports.at(-1)) connected();
  else engine.once("upgrade", connected);
});
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { event, payload, binary } = JSON.parse(line);
    socket.emit(event, binary ? Uint8Array.of(1, 2, 3) : payload, (ack) => say({ ack }));
  })
  .on("close", () => process.exit(0));

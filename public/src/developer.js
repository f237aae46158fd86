import { io } from "socket.io-client";

import { byId, el, setText } from "./dom.js";
import { host } from "./format.js";
import { isLoopback } from "./loopback.js";
import { reporting } from "./notices.js";

const KEPT_UNDER = "confab:developer";
/** The header with which the local stack says where the page can have an instance killed. */
const KILL_AT = "X-Confab-Kill";
const MOST = 200;
const FIELDS = ["seq", "version", "by", "author", "userId", "typing", "reason", "erasures", "delayMs"];

/**
 * What a developer likes to see of the page's work: events as they come, requests with their ids, how long
 * a send takes. It is recorded from the start and shown while "Developer" is switched on. Tokens and the
 * words of messages are not in it.
 */
export class Developer {
  /** Milliseconds from a message's first sight to its confirmation. @type {number[]} */
  #latencies = [];
  /** @type {Map<string, number>} */
  #begun = new Map();
  #list = byId("wire");
  #kill = byId("kill");
  #address = "";

  constructor() {
    const box = byId("developer");
    box.checked = localStorage.getItem(KEPT_UNDER) === "on";
    const show = () => document.body.classList.toggle("developer", box.checked);
    box.addEventListener("change", () => {
      localStorage.setItem(KEPT_UNDER, box.checked ? "on" : "off");
      show();
    });
    show();
    if (isLoopback(location.hostname)) reporting(() => this.#offerKill());
  }

  /** `fetch`, watched. @type {typeof fetch} */
  fetch = async (url, options) => {
    const start = performance.now();
    const response = await fetch(url, options);
    const took = `${response.status} in ${Math.round(performance.now() - start)} ms`;
    this.#record("http", `${options?.method ?? "GET"} ${url}`, took, response.headers.get("X-Request-Id"));
    return response;
  };

  /** Socket.IO's `io`, watched. @type {typeof io} */
  io = (...given) => {
    const socket = io(.../** @type {[string, object]} */ (given));
    socket.onAny((event, payload) => this.#record("in", event, summary(payload)));
    socket.onAnyOutgoing((event) => this.#record("out", event));
    socket.on("connect", () => this.#record("in", "connected", socket.id));
    socket.on("disconnect", (reason) => this.#record("in", "disconnected", reason));
    return socket;
  };

  /** Measure the messages of an outbox. @param {import("@confab/client").Outbox} outbox */
  watch(outbox) {
    outbox.subscribe({
      changed: (id) => {
        for (const { clientMessageId: key } of outbox.items(id)) {
          if (!this.#begun.has(key)) this.#begun.set(key, performance.now());
        }
      },
      stored: ({ clientMessageId: key }) => this.#stored(key),
    });
  }

  /** @param {Record<string, string>} facts */
  describe(facts) {
    const rows = Object.entries(facts).flatMap(([name, fact]) => [el("dt", {}, name), el("dd", {}, fact)]);
    byId("facts").replaceChildren(...rows);
    this.#address = facts.address;
    this.#kill.disabled = facts.state !== "live";
  }

  async #offerKill() {
    const at = (await fetch("/", { method: "HEAD" })).headers.get(KILL_AT);
    this.#kill.hidden = at === null;
    this.#kill.addEventListener("click", () => reporting(() => kill(at, this.#address)));
  }

  #stored(key) {
    const begun = this.#begun.get(key);
    if (begun === undefined) return; // another tab's
    this.#begun.delete(key);
    this.#latencies.push(Math.round(performance.now() - begun));
    const sorted = this.#latencies.toSorted((one, other) => one - other);
    const [last, median] = [this.#latencies.at(-1), sorted[sorted.length >> 1]];
    setText(byId("latency"), `last ${last} ms, median ${median} ms, slowest ${sorted.at(-1)} ms of ${sorted.length}`);
  }

  #record(way, ...parts) {
    const time = new Date().toISOString().slice(11, 23);
    const text = parts.filter(Boolean).join(" · ");
    this.#list.prepend(el("li", { className: way }, el("time", {}, time), el("span", {}, text)));
    if (this.#list.children.length > MOST) this.#list.lastElementChild.remove();
  }
}

async function kill(at, address) {
  const { ok, status } = await fetch(`${at}/${host(address)}`, { method: "POST" });
  if (!ok) throw new Error(`The local stack does not kill ${host(address)} (HTTP ${status}).`);
}

function summary(payload) {
  const fields = FIELDS.filter((field) => payload?.[field] !== undefined);
  return fields.map((field) => `${field} ${payload[field]}`).join(", ");
}

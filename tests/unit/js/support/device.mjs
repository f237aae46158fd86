import { elapsed } from "./virtual-time.mjs";
import { ConfabError, MemoryStorage } from "@confab/client";
import { Outbox } from "../../../../public/client/dist/outbox/outbox.js";

const never = () => new Promise(() => undefined);
const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const failure = (code) => new ConfabError({ code, status: 0, title: code });

/** A server that stores a message once, and one device of a user with tabs, all in virtual time. */
export class Device {
  /** Contents in the order in which they were stored. */
  log = [];
  /** What was kept on the device, by content. */
  kept = new Set();
  online = true;
  tabs = [];
  #stored = new Map();
  #disk = new MemoryStorage();
  #lock = { holder: null, queue: [] };

  /** @param random  Numbers from 0 to 1 */
  constructor(random) {
    this.random = random;
  }

  between(least, most) {
    return least + this.random() * (most - least);
  }

  open() {
    const tab = new Tab(this);
    this.tabs.push(tab);
    return tab;
  }

  store({ clientMessageId, content }) {
    if (!this.#stored.has(clientMessageId)) {
      this.log.push(content);
      this.#stored.set(clientMessageId, { seq: this.log.length, content, clientMessageId });
    }
    return this.#stored.get(clientMessageId);
  }

  /** A tab's view of the disk: in order, each after a moment, and nothing comes once it is dead. */
  storageOf(tab) {
    let turn = 0;
    const through = (name) => async (...values) => {
      turn = Math.max(turn + 0.01, elapsed() + this.between(0, 5));
      await after(turn - elapsed());
      if (tab.dead) return await never();
      const result = await this.#disk[name](...values);
      if (name === "put") this.kept.add(values[0].content);
      turn = Math.max(turn + 0.01, elapsed() + this.between(0, 5));
      await after(turn - elapsed());
      return tab.dead ? await never() : result;
    };
    return { lasting: true, items: through("items"), put: through("put"), remove: through("remove") };
  }

  locksOf(tab) {
    return {
      request: (_, held) =>
        new Promise((resolve, reject) => {
          this.#lock.queue.push({ tab, run: () => held().then(resolve, reject) });
          this.#grant();
        }),
    };
  }

  release(tab) {
    const lock = this.#lock;
    lock.queue = lock.queue.filter((waiting) => waiting.tab !== tab);
    if (lock.holder === tab) lock.holder = null;
    this.#grant();
  }

  #grant() {
    const lock = this.#lock;
    if (lock.holder || lock.queue.length === 0) return;
    const { tab, run } = lock.queue.shift();
    lock.holder = tab;
    run().finally(() => lock.holder === tab && ((lock.holder = null), this.#grant()));
  }
}

/** One tab: it has a socket that may be cut, and may die at any moment. */
class Tab {
  dead = false;
  /** The connection; null while there is none. */
  link = {};
  #device;
  #arrivesAt = 0;
  #flight = new Set();
  #hear = () => undefined;

  constructor(device) {
    this.#device = device;
    const channel = {
      addEventListener: (_, hear) => (this.#hear = (data) => hear({ data })),
      postMessage: (data) => {
        for (const other of device.tabs) if (other !== this && !this.dead) setTimeout(() => other.dead || other.#hear(data), 1);
      },
      close: () => undefined,
    };
    this.outbox = new Outbox({
      carrier: { way: () => this.#way(), send: (_, draft, way) => this.#send(draft, way) },
      userId: "ada",
      open: async () => device.storageOf(this),
      unkept: (error) => {
        throw error;
      },
      locks: device.locksOf(this),
      channel,
    });
  }

  write(content) {
    this.outbox.add("c", content).catch(() => undefined);
  }

  cut() {
    this.link = null;
    for (const lose of this.#flight) lose();
    this.#flight.clear();
  }

  connect() {
    this.link = this.#device.online ? {} : null;
    this.outbox.kick();
  }

  die() {
    this.dead = true;
    this.cut();
    this.#device.tabs = this.#device.tabs.filter((tab) => tab !== this);
    this.#device.release(this);
  }

  #way() {
    if (this.dead) return 1e9;
    return this.link ?? "rest";
  }

  /** Over a socket messages arrive in order; a cut loses those that have not, and all answers on their way. */
  async #send(draft, way) {
    if (this.dead) return await never();
    const device = this.#device;
    let lost = false;
    const cut = new Promise((resolve) => this.#flight.add(() => resolve((lost = true))));
    const arrival = device.between(5, 200);
    if (way !== "rest") this.#arrivesAt = Math.max(this.#arrivesAt + 0.01, elapsed() + arrival);
    if (way === "rest" && !device.online) {
      await after(arrival);
      throw failure("network");
    }
    await Promise.race([cut, after(way !== "rest" ? this.#arrivesAt - elapsed() : arrival)]);
    if (lost) return await this.#lost();
    const message = device.store(draft);
    await Promise.race([cut, after(device.between(5, 200))]);
    if (lost || (way === "rest" && device.random() < 0.1)) return await this.#lost();
    return message;
  }

  async #lost() {
    if (this.dead) return await never();
    throw failure("network");
  }
}

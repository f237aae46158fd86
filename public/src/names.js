import { el } from "./dom.js";
import { avatar, initials, shortId } from "./format.js";

const LONGEST = 40;

/** What would break a name's line. */
const BREAKS = /[\s\p{Cc}]+/gu;

/** The names that messages claim in `metadata.name`. Anyone may claim any name, so ids stand beside them. */
export class Names {
  #uid;
  /** @type {Map<string, string>} */
  #claimed = new Map();
  /** @type {Set<() => void>} */
  #watchers = new Set();

  /** A user's own. @param {string} uid @param {string} name */
  constructor(uid, name) {
    this.#uid = uid;
    this.#claimed.set(uid, name.slice(0, LONGEST));
  }

  /** Called after a name is learnt. @param {() => void} watcher @returns {() => void} stops it */
  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Adopt what these messages claim; later ones win. @param {readonly import("@confab/client").Shown[]} entries */
  learn(entries) {
    let news = false;
    for (const entry of entries) {
      if (entry.kind !== "message" || entry.role !== "user" || entry.author === "") continue;
      const { name } = /** @type {{name?: unknown}} */ (entry.metadata ?? {});
      const claimed = typeof name === "string" ? name.replace(BREAKS, " ").trim().slice(0, LONGEST) : "";
      if (!claimed) continue;
      news ||= claimed !== this.#claimed.get(entry.author);
      this.#claimed.set(entry.author, claimed);
    }
    if (news) for (const watcher of [...this.#watchers]) watcher();
  }

  /** The name that the user's messages claim, else the beginning of their id. @param {string} uid */
  of(uid) {
    return uid === "" ? "A former user" : (this.#claimed.get(uid) ?? shortId(uid));
  }

  /** The name, and the id of whoever claims it, each with its direction kept to itself. @param {string} uid */
  shown(uid) {
    const claims = uid !== this.#uid && this.#claimed.has(uid);
    const id = claims && el("span", { className: "claimed", dir: "auto", title: uid }, shortId(uid));
    return el("span", { className: "person", title: uid }, el("bdi", {}, this.of(uid)), claims && " ", id);
  }

  /** @param {string} uid */
  avatar(uid) {
    return avatar(uid, uid === "" ? "–" : initials(this.of(uid)));
  }
}

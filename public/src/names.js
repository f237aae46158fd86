import { el } from "./dom.js";
import { avatar, initials, shortId } from "./format.js";

const LONGEST = 40;

/** The names that messages claim in `metadata.name`. Anyone may claim any name: equal ones show their ids. */
export class Names {
  /** @type {Map<string, string>} */
  #claimed = new Map();
  /** @type {Set<() => void>} */
  #watchers = new Set();

  /** A user's own. @param {string} uid @param {string} name */
  constructor(uid, name) {
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
      if (typeof name !== "string" || !name.trim()) continue;
      const claimed = name.trim().slice(0, LONGEST);
      news ||= claimed !== this.#claimed.get(entry.author);
      this.#claimed.set(entry.author, claimed);
    }
    if (news) for (const watcher of [...this.#watchers]) watcher();
  }

  /** The name that the user's messages claim, else the beginning of their id. @param {string} uid */
  of(uid) {
    return uid === "" ? "A former user" : (this.#claimed.get(uid) ?? shortId(uid));
  }

  /** The name as an element that keeps its direction to itself. @param {string} uid */
  shown(uid) {
    const name = this.of(uid);
    const alike = [...this.#claimed].some(([other, claimed]) => other !== uid && folded(claimed) === folded(name));
    const id = name !== shortId(uid) && uid !== "" && el("span", { className: alike ? "claimed" : "claimed dev" }, shortId(uid));
    return el("span", { className: "person" }, el("bdi", {}, name), id);
  }

  /** @param {string} uid */
  avatar(uid) {
    return avatar(uid, uid === "" ? "–" : initials(this.of(uid)));
  }
}

/** @param {string} name */
function folded(name) {
  return name.normalize("NFKC").toLowerCase();
}

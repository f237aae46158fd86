import { shortId } from "./format.js";

const LONGEST = 40;

/** The names that messages claim in `metadata.name`. Anyone may claim any name. */
export class Names {
  /** @type {Map<string, string>} */
  #claimed = new Map();

  /** Whether it is a new name. @param {string} uid @param {unknown} name  Whatever a message holds */
  learn(uid, name) {
    if (typeof name !== "string" || !name.trim()) return false;
    const claimed = name.trim().slice(0, LONGEST);
    const known = this.#claimed.get(uid);
    this.#claimed.set(uid, claimed);
    return claimed !== known;
  }

  /** The name that the user's messages claim, else the beginning of their id. @param {string} uid */
  of(uid) {
    return uid === "" ? "A former user" : (this.#claimed.get(uid) ?? shortId(uid));
  }
}

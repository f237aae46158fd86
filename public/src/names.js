import { shortId } from "./format.js";

const LONGEST = 40;

/** What users call themselves, as their messages tell it in `metadata.name`. Anybody may claim any. */
export class Names {
  /** @type {Map<string, string>} */
  #claimed = new Map();

  /** @param {string} uid @param {unknown} name  Whatever a message holds */
  learn(uid, name) {
    if (typeof name === "string" && name.trim()) this.#claimed.set(uid, name.trim().slice(0, LONGEST));
  }

  /** The user's name if a message told one, else the beginning of their id. @param {string} uid */
  of(uid) {
    return this.#claimed.get(uid) ?? shortId(uid);
  }
}

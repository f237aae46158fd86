import { shortId } from "./format.js";

const LONGEST = 40;

/** The names that messages claim in `metadata.name`. Anyone may claim any name. */
export class Names {
  /** @type {Map<string, string>} */
  #claimed = new Map();

  /** @param {string} uid @param {unknown} name  Whatever a message holds */
  learn(uid, name) {
    if (typeof name === "string" && name.trim()) this.#claimed.set(uid, name.trim().slice(0, LONGEST));
  }

  /** The name that the user's messages claim, else the beginning of their id. @param {string} uid */
  of(uid) {
    return this.#claimed.get(uid) ?? shortId(uid);
  }
}

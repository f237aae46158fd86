/** @typedef {import("@confab/client").Message} Message */

/**
 * The messages of one conversation that an app has, by number and each in its latest state.
 *
 * States arrive from pages and from a room in any order, and a page that was asked for earlier may
 * answer later. The higher `version` wins, and a message without an author over any version.
 */
export class Messages {
  /** @type {Map<number, Message>} */
  #latest = new Map();
  /** @type {Set<number>} */
  #erased = new Set();

  /** @param {number} seq */
  get(seq) {
    return this.#latest.get(seq);
  }

  /**
   * Take a state of a message.
   *
   * @param {Message} state
   * @returns {Message | null} the latest state if it is news, else null
   */
  take(state) {
    const known = this.#latest.get(state.seq);
    const found = this.#erased.has(state.seq) ? withoutAuthor(state) : state;
    if (known && (known.author === "" || (found.author !== "" && found.version <= known.version))) return null;
    this.#latest.set(found.seq, found);
    return found;
  }

  /**
   * Delete these messages and their author's name, also where their pages have not come yet.
   *
   * @param {number[]} seqs
   * @returns {Message[]} those that are known, as they are now
   */
  erase(seqs) {
    for (const seq of seqs) this.#erased.add(seq);
    const known = seqs.map((seq) => this.#latest.get(seq)).filter(Boolean);
    return known.map((message) => this.take(message)).filter(Boolean);
  }

  /** Drop everything, to read it again. */
  clear() {
    this.#latest.clear();
    this.#erased.clear();
  }
}

/** A message of an erased user. The server's copy has the time of the erasure. @param {Message} message */
function withoutAuthor(message) {
  const deletedAt = message.deletedAt ?? new Date().toISOString();
  return { ...message, author: "", content: "", metadata: {}, clientMessageId: null, deletedAt };
}

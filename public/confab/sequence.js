const MOST_WAITING = 500;

/**
 * Puts the entries of one conversation in order: each number once, none before the one below it.
 *
 * Pure: it takes what arrives and gives back what may be shown now.
 *
 * @template {{seq: number}} E
 */
export class Sequence {
  #last;
  /** @type {Map<number, E>} */
  #waiting = new Map();

  /** @param {number | null} [last]  The last number seen; null if nothing is known yet */
  constructor(last = null) {
    this.#last = last;
  }

  /** The last number that was given out, or null before anything is known. */
  get last() {
    return this.#last;
  }

  /** Whether a number is missing below one that has arrived. */
  get gap() {
    return this.#waiting.size > 0;
  }

  /**
   * Start after `last`, if nothing is known yet.
   *
   * @param {number} last
   */
  begin(last) {
    this.#last ??= last;
  }

  /**
   * The entries that can be shown now that this one has arrived, ascending.
   *
   * What was shown before is dropped. What comes too early waits, within a bound; what does not fit
   * is dropped too, because whoever fills the gap reads it again.
   *
   * @param {E} entry
   * @returns {E[]}
   */
  offer(entry) {
    if (this.#last === null || entry.seq <= this.#last) return [];
    if (entry.seq === this.#last + 1 || this.#waiting.size < MOST_WAITING) this.#waiting.set(entry.seq, entry);
    return this.#ready();
  }

  #ready() {
    const ready = [];
    for (let next = this.#waiting.get(this.#last + 1); next; next = this.#waiting.get(this.#last + 1)) {
      this.#waiting.delete(next.seq);
      this.#last = next.seq;
      ready.push(next);
    }
    return ready;
  }
}

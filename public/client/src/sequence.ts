const MOST_WAITING = 500;

/**
 * Puts the entries of one conversation in order: each number once, none before the one below it.
 *
 * Pure: it takes what arrives and gives back what may be shown now.
 */
export class Sequence<E extends { seq: number }> {
  #last: number | null;
  readonly #waiting = new Map<number, E>();

  /** @param last  The last number seen; null if nothing is known yet */
  constructor(last: number | null = null) {
    this.#last = last;
  }

  /** The last number that was given out, or null before anything is known. */
  get last(): number | null {
    return this.#last;
  }

  /** Whether a number is missing below one that has arrived. */
  get gap(): boolean {
    return this.#waiting.size > 0;
  }

  /** Start after `last`, if nothing is known yet. */
  begin(last: number): void {
    this.#last ??= last;
  }

  /**
   * The entries that can be shown now that this one has arrived, ascending.
   *
   * What was shown before is dropped. What comes too early waits, within a bound; what does not fit
   * is dropped too, because whoever fills the gap reads it again.
   */
  offer(entry: E): E[] {
    if (this.#last === null || entry.seq <= this.#last) return [];
    if (entry.seq === this.#last + 1 || this.#waiting.size < MOST_WAITING) this.#waiting.set(entry.seq, entry);
    const ready: E[] = [];
    for (let last = this.#last, next; (next = this.#waiting.get(last + 1)); last = next.seq) {
      this.#waiting.delete(next.seq);
      this.#last = next.seq;
      ready.push(next);
    }
    return ready;
  }
}

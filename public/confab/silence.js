/**
 * A deadline that follows progress: it passes once nothing has been heard for a time, however long
 * the whole takes.
 */
export class Silence {
  #ms;
  #passed;
  #timer;

  /** @param {number} ms @param {() => void} passed */
  constructor(ms, passed) {
    this.#ms = ms;
    this.#passed = passed;
    this.heard();
  }

  /** Something came: the time begins anew. */
  heard() {
    this.end();
    this.#timer = setTimeout(this.#passed, this.#ms);
  }

  /** It no longer matters. */
  end() {
    clearTimeout(this.#timer);
  }
}

/**
 * A deadline that follows progress: it passes once nothing has been heard for a time, however long
 * the whole takes.
 */
export class Silence {
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly ms: number,
    readonly passed: () => void,
  ) {
    this.heard();
  }

  /** Something came: the time begins anew. */
  heard(): void {
    this.end();
    this.#timer = setTimeout(this.passed, this.ms);
  }

  /** It no longer matters. */
  end(): void {
    clearTimeout(this.#timer);
  }
}

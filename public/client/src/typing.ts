const REPEAT_MS = 2_000;
const IDLE_MS = 3_000;
const FORGET_MS = 6_000;

type Timer = ReturnType<typeof setTimeout>;

/**
 * Notifies the others that this user is typing: at most one `true` in 2 s, and `false` after 3 s without a
 * key. The server ends a `true` by itself after 5 s, so a repeat in time keeps it up.
 */
export class TypingNotifier {
  #said = false;
  #saidAt = -Infinity;
  #idle: Timer | undefined;
  #due: Timer | undefined;

  constructor(readonly notify: (typing: boolean) => void) {}

  /** A key was pressed. */
  keystroke(): void {
    clearTimeout(this.#idle);
    clearTimeout(this.#due);
    this.#idle = setTimeout(() => this.stop(), IDLE_MS);
    const wait = this.#saidAt + REPEAT_MS - performance.now();
    if (wait <= 0) this.#say();
    else if (!this.#said) this.#due = setTimeout(() => this.#say(), wait);
  }

  /** The text was sent or given up. */
  stop(): void {
    clearTimeout(this.#idle);
    clearTimeout(this.#due);
    if (!this.#said) return;
    this.#said = false;
    this.notify(false);
  }

  #say(): void {
    this.#said = true;
    this.#saidAt = performance.now();
    this.notify(true);
  }
}

/** Who is typing, according to the server. A user whose `false` was lost is forgotten after 6 s. */
export class Typists {
  readonly #timers = new Map<string, Timer>();

  constructor(readonly changed: (userIds: string[]) => void) {}

  set(userId: string, typing: boolean): void {
    const known = this.#timers.has(userId);
    clearTimeout(this.#timers.get(userId));
    if (typing) this.#timers.set(userId, setTimeout(() => this.set(userId, false), FORGET_MS));
    else this.#timers.delete(userId);
    if (known !== typing) this.changed([...this.#timers.keys()]);
  }

  /** Nobody is typing any more, as far as we can know. */
  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    const any = this.#timers.size > 0;
    this.#timers.clear();
    if (any) this.changed([]);
  }
}

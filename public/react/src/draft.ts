import type { Followed } from "./followed.js";

/** What is being written in a conversation. The outbox keeps it, over reloads. */
export class Draft {
  #text = "";
  #touched = false;
  readonly #listeners = new Set<() => void>();

  constructor(readonly followed: Followed) {}

  get text(): string {
    return this.#text;
  }

  readonly subscribe = (changed: () => void): (() => void) => {
    this.#listeners.add(changed);
    void this.#load();
    return () => this.#listeners.delete(changed);
  };

  readonly set = (text: string): void => {
    const { confab, id, live } = this.followed;
    this.#show(text);
    if (text) live.typing();
    else live.room?.stopTyping();
    void confab!.outbox.setDraft(id!, text);
  };

  async #load(): Promise<void> {
    const { confab, id } = this.followed;
    if (!confab || id === null) return;
    const kept = await confab.outbox.draft(id);
    if (!this.#touched) this.#show(kept); // what has been typed meanwhile is later
  }

  #show(text: string): void {
    this.#touched = true;
    this.#text = text;
    for (const changed of this.#listeners) changed();
  }
}

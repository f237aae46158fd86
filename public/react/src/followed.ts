import { type Confab, ConfabError, type LiveConversation, type LiveState, LOADING } from "@confab/client";
import { useMemo, useSyncExternalStore } from "react";

import { useConfab } from "./confab-provider.js";

/** A conversation that is followed while a component is mounted. All of one share a room. */
export class Followed {
  #live: LiveConversation | null = null;

  constructor(
    readonly confab: Confab | null,
    readonly id: string | null,
  ) {}

  /** Throws ConfabError before the component is mounted, and while there is no client or no id. */
  get live(): LiveConversation {
    if (this.#live) return this.#live;
    const title = "This conversation is not open here";
    throw new ConfabError({ code: "closed", status: 0, title, detail: "Nobody is signed in, or it has no id." });
  }

  get state(): LiveState {
    return this.#live?.state ?? LOADING;
  }

  readonly subscribe = (changed: () => void): (() => void) => {
    if (!this.confab || this.id === null) return () => undefined;
    const live = this.confab.follow(this.id);
    this.#live = live;
    const stop = live.subscribe(changed);
    return () => {
      stop();
      queueMicrotask(() => live.close()); // whoever follows it in the same commit keeps it open
    };
  };
}

/** @param select  Of a state, what the component shows; it renders again only if that changes */
export function useFollowed<T>(id: string | null, select: (state: LiveState) => T): [Followed, T] {
  const confab = useConfab();
  const followed = useMemo(() => new Followed(confab, id), [confab, id]);
  const selected = useSyncExternalStore(
    followed.subscribe,
    () => select(followed.state),
    () => select(LOADING),
  );
  return [followed, selected];
}

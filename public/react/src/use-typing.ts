import type { LiveState } from "@confab/client";
import { useMemo } from "react";

import { useFollowed } from "./followed.js";

export interface Typing {
  /** The uids of everyone else who is typing now. */
  readonly userIds: readonly string[];
  /** A key was pressed: the others see this user typing. `setDraft` of `useSend` says so by itself. */
  keystroke(): void;
}

/** Who is typing in a conversation; renders for nothing else. */
export function useTyping(id: string | null): Typing {
  const [followed, userIds] = useFollowed(id, typing);
  return useMemo(() => ({ userIds, keystroke: () => followed.live.typing() }), [userIds, followed]);
}

function typing(state: LiveState): readonly string[] {
  return state.typing;
}

import type { EditMessage, LiveState } from "@confab/client";
import { useMemo } from "react";

import { useFollowed } from "./followed.js";

export interface ConversationView extends LiveState {
  /** Read a page of older entries; a call during another one is the same read. Rejects with ConfabError. */
  loadOlder(): Promise<void>;
  /** Change one of the user's own messages. Rejects with ConfabError. */
  edit(seq: number, change: EditMessage): Promise<void>;
  /** Delete a message: one's own, or any as the owner. Rejects with ConfabError. */
  delete(seq: number): Promise<void>;
}

/**
 * A conversation, followed live while the component is mounted. `loading` for the id null, on the server,
 * and while nobody is signed in. The same object while nothing changes, with the same functions for one id.
 */
export function useConversation(id: string | null): ConversationView {
  const [followed, state] = useFollowed(id, whole);
  const actions = useMemo(
    () => ({
      loadOlder: async () => await followed.live.loadOlder(),
      edit: async (seq: number, change: EditMessage) => await followed.live.edit(seq, change),
      delete: async (seq: number) => await followed.live.delete(seq),
    }),
    [followed],
  );
  return useMemo(() => ({ ...state, ...actions }), [state, actions]);
}

function whole(state: LiveState): LiveState {
  return state;
}

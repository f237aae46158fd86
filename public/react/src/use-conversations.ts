import type { Status } from "@confab/client";
import { useMemo, useSyncExternalStore } from "react";

import { useConfab } from "./confab-provider.js";
import { ConversationList, type ConversationsState, UNREAD } from "./conversation-list.js";

export interface ConversationsView extends ConversationsState {
  /** Read the list again now, as after creating a conversation. Never rejects: `problem` says what went wrong. */
  refresh(): Promise<void>;
  /** Read another page. Never rejects. */
  loadMore(): Promise<void>;
}

/**
 * The conversations that the user owns or is a member of, latest activity first. They are read again every
 * 20 s while the page is visible, and when it is shown or the network is back.
 *
 * @param options  `limit`: conversations in a page, 50 by default
 */
export function useConversations({
  status = null,
  limit = null,
}: { status?: Status | null; limit?: number | null } = {}): ConversationsView {
  const confab = useConfab();
  const list = useMemo(() => new ConversationList(confab, { status, limit }), [confab, status, limit]);
  const state = useSyncExternalStore(
    list.subscribe,
    () => list.state,
    () => UNREAD,
  );
  return useMemo(() => ({ ...state, refresh: list.refresh, loadMore: list.loadMore }), [state, list]);
}

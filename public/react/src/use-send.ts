import type { ConfabError, LiveState, Message, MessageOptions } from "@confab/client";
import { useMemo, useSyncExternalStore } from "react";

import { Draft } from "./draft.js";
import { type Followed, useFollowed } from "./followed.js";

export interface Composer {
  /** What is being written, kept over reloads. */
  readonly draft: string;
  /** Change the draft; the others see this user typing. */
  setDraft(text: string): void;
  /**
   * Write a message through the outbox, by default the draft, which is then empty. `unsent` of
   * `useConversation` shows it until the log does, and tells if it fails, so the result may be ignored.
   *
   * @returns the stored message, once it is; null if there was nothing to send. Rejects with ConfabError:
   *   `busy` if 500 wait already, which leaves the draft as it is, else why it failed
   */
  send(content?: string, more?: MessageOptions): Promise<Message | null>;
  /** Send a failed or stale message again. */
  retry(clientMessageId: string): void;
  /** Give an unsent message up, unless it is on its way. */
  discard(clientMessageId: string): void;
}

/**
 * What a text box needs: the draft, and sending it. Its functions stay the same for one id; they throw
 * ConfabError while the id is null or nobody is signed in.
 */
export function useSend(id: string | null): Composer {
  const [followed] = useFollowed(id, nothing);
  const draft = useMemo(() => new Draft(followed), [followed]);
  const text = useSyncExternalStore(
    draft.subscribe,
    () => draft.text,
    () => "",
  );
  const actions = useMemo(
    () => ({
      setDraft: draft.set,
      send: (content?: string, more?: MessageOptions) => send(followed, draft, content ?? draft.text, more),
      retry: (clientMessageId: string) => followed.confab?.outbox.retry(clientMessageId),
      discard: (clientMessageId: string) => followed.confab?.outbox.discard(clientMessageId),
    }),
    [followed, draft],
  );
  return useMemo(() => ({ draft: text, ...actions }), [text, actions]);
}

async function send({ live }: Followed, draft: Draft, content: string, more?: MessageOptions): Promise<Message | null> {
  if (!content.trim()) return null;
  const stored = live.send(content, more);
  if (content === draft.text) draft.set("");
  try {
    return await stored;
  } catch (error) {
    if ((error as ConfabError).code === "busy" && draft.text === "") draft.set(content);
    throw error;
  }
}

function nothing(_state: LiveState): null {
  return null;
}

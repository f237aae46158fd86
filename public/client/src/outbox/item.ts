import type { Failure } from "../errors.js";
import type { Message } from "../resources.js";

/** A message goes out by itself for this long; an older one waits for a decision. */
export const STALE_AFTER_MS = 3_600_000;

/** What a user wrote and the server has not confirmed. */
export interface Unsent {
  readonly clientMessageId: string;
  readonly conversationId: string;
  readonly content: string;
  readonly role: Message["role"] | null;
  readonly metadata: object | null;
  readonly inReplyTo: number | null;
  /** When it was written, in milliseconds since 1970 by this device's clock. */
  readonly queuedAt: number;
  /**
   * `queued` waits for its turn or for a connection. `sending` is on its way. `stored` has a number, and the
   * room is about to bring it. `failed` can't be stored as it is: `problem` says why. `stale` has waited
   * for more than an hour. A failed or stale one waits for `retry` or `discard`.
   */
  readonly state: "queued" | "sending" | "stored" | "failed" | "stale";
  readonly problem: Failure | null;
}

/** What goes over the wire. */
export function draftOf({ content, role, metadata, inReplyTo, clientMessageId }: Unsent) {
  return {
    content,
    clientMessageId,
    ...(role !== null && { role }),
    ...(metadata !== null && { metadata }),
    ...(inReplyTo !== null && { inReplyTo }),
  };
}

/** An item as it is after a restart: what was on its way is sent again, and what failed for want of a sign-in. */
export function restored(item: Unsent, now: number): Unsent {
  const again = item.state === "sending" || item.problem?.code === "signed_out";
  return fresh(again ? { ...item, state: "queued", problem: null } : item, now);
}

/** An item that has waited too long asks. */
export function fresh(item: Unsent, now: number): Unsent {
  return item.state === "queued" && now - item.queuedAt > STALE_AFTER_MS ? { ...item, state: "stale" } : item;
}

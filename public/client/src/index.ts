/** Confab for browsers and Node: conversations over REST, and followed live. */
export { Confab, type ConfabOptions } from "./confab.js";
export { type ClientCode, ConfabError, type Failure } from "./errors.js";
export { type LiveConversation, type LiveState, LOADING } from "./live.js";
export { STALE_AFTER_MS, type Unsent } from "./outbox/item.js";
export type { Outbox, OutboxEvents } from "./outbox/outbox.js";
export { IndexedDbStorage, MemoryStorage, type Storage } from "./outbox/storage.js";
export type * from "./resources.js";
export type { MessageOptions, Room, RoomHandlers, RoomState } from "./room.js";
export type { ResetReason } from "./seen.js";
export { EMPTY, type Shown, timeline, type Timeline, type TimelineEvent } from "./timeline.js";
export type { GetToken } from "./token.js";

// Generated from the OpenAPI and AsyncAPI documents by `npm run generate`. Do not edit.

/**
 * An opaque id.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Id".
 */
export type Id = string;
/**
 * What kind of conversation it is. It does not change what anybody may do.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "ConversationType".
 */
export type ConversationType = "chat" | "assistant" | "support";
/**
 * Whether the member may write, or only read.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Access".
 */
export type Access = "write" | "read";
/**
 * Whether the log accepts entries, or is closed permanently.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Status".
 */
export type Status = "active" | "finalized";
/**
 * RFC 3339 in UTC with milliseconds.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Timestamp".
 */
export type Timestamp = string;
/**
 * A numbered item of a conversation's log.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Entry".
 */
export type Entry = Message | MessageChanged | ConversationChanged | Finalized;
/**
 * An entry's number in its log. The first is 1; there are no gaps and no repeats.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Seq".
 */
export type Seq = number;
/**
 * In whose name the message is written.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Role".
 */
export type Role = "user" | "assistant" | "system";
/**
 * The uid of who made the change; `""` once that user was erased.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "By".
 */
export type By = string;
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "RequestId".
 */
export type RequestId = string;
/**
 * A Firebase uid, without `/` and control characters. It does not begin with `agent:`.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "UserId".
 */
export type UserId = string;
/**
 * 1 to 128 printable ASCII characters.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "IdempotencyKey".
 */
export type IdempotencyKey = string;

/**
 * A session with an owner, members and a numbered log.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Conversation".
 */
export interface Conversation {
  id: Id;
  type: ConversationType;
  /**
   * A title for people.
   */
  title: string | null;
  /**
   * The uid of the user who owns it.
   */
  owner: string;
  /**
   * The users who take part beside the owner.
   */
  members: Member[];
  status: Status;
  /**
   * The number of the newest entry; 0 while the log is empty.
   */
  seq: number;
  /**
   * How many messages the log has, deleted ones included.
   */
  messageCount: number;
  /**
   * How often messages of an erased user were emptied. A client that knows another number
   * drops its messages and reads them again.
   *
   */
  erasures: number;
  metadata: Metadata;
  createdAt: Timestamp;
  /**
   * RFC 3339 in UTC with milliseconds.
   */
  updatedAt: string;
  /**
   * When it was finalized; null while it is active.
   */
  finalizedAt: Timestamp | null;
  /**
   * Where its room is served. Open the socket here.
   */
  realtimeUrl: string;
}
/**
 * A user whom the owner added.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Member".
 */
export interface Member {
  /**
   * The member's Firebase uid.
   */
  userId: string;
  access: Access;
}
/**
 * The JSON object that the client stored.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Metadata".
 */
export interface Metadata {
  [k: string]: unknown;
}
/**
 * An entry that a participant wrote, as it is now.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Message".
 */
export interface Message {
  kind: "message";
  id: Id;
  conversationId: Id;
  seq: Seq;
  /**
   * Its number among the messages, 1, 2, 3 …
   */
  ordinal: number;
  /**
   * The number of the entry that made this state; its own at first.
   */
  version: number;
  role: Role;
  /**
   * The uid of the user who wrote it; `""` once that user was erased. Such a message wins over
   * any `version`.
   *
   */
  author: string;
  /**
   * Whether a service identity wrote it, such as an assistant or a bot.
   */
  agent: boolean;
  /**
   * The text; `""` in a deleted message.
   */
  content: string;
  /**
   * The author's own key for the message, if one was sent.
   */
  clientMessageId: string | null;
  metadata: Metadata;
  /**
   * The number of the earlier message that it replies to, deleted or not.
   */
  inReplyTo: Seq | null;
  createdAt: Timestamp;
  /**
   * When it was edited last; null if it never was.
   */
  editedAt: Timestamp | null;
  /**
   * When it was deleted; null if it is not.
   */
  deletedAt: Timestamp | null;
}
/**
 * An entry that edits or deletes an earlier message.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "MessageChanged".
 */
export interface MessageChanged {
  kind: "message_changed";
  conversationId: Id;
  seq: Seq;
  /**
   * The message as it is now; null for who was removed before a later entry made that state.
   *
   */
  message: Message | null;
  by: By;
  at: Timestamp;
}
/**
 * An entry that changes the conversation itself.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "ConversationChanged".
 */
export interface ConversationChanged {
  kind: "conversation_changed";
  conversationId: Id;
  seq: Seq;
  /**
   * The conversation as it is now; null for who was removed before a later entry made that
   * state.
   *
   */
  conversation: Conversation | null;
  by: By;
  at: Timestamp;
  changes: Changes;
}
/**
 * What the entry changed; what it did not change is left out. After a hand-over the former owner
 * is a member who writes, and nobody counts as added or removed.
 *
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Changes".
 */
export interface Changes {
  /**
   * The title changed.
   */
  title?: true;
  /**
   * The metadata changed.
   */
  metadata?: true;
  /**
   * The conversation was handed over.
   */
  owner?: true;
  /**
   * The uids of new members.
   *
   * @minItems 1
   */
  added?: string[];
  /**
   * The uids of those who were removed or left.
   *
   * @minItems 1
   */
  removed?: string[];
  /**
   * The uids of members whose access changed.
   *
   * @minItems 1
   */
  access?: string[];
}
/**
 * The last entry of a log. Nothing is ever numbered after it.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Finalized".
 */
export interface Finalized {
  kind: "finalized";
  conversationId: Id;
  seq: Seq;
  finalizedAt: Timestamp;
}
/**
 * A conversation and a page of its messages.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Page".
 */
export interface Page {
  conversation: Conversation;
  /**
   * Ascending by `seq`.
   */
  messages: Message[];
  /**
   * Whether there are newer messages, if `after` was given; otherwise older ones.
   */
  hasMore: boolean;
}
/**
 * A page of a conversation's log.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "LogPage".
 */
export interface LogPage {
  /**
   * Ascending by `seq`, all kinds.
   */
  entries: Entry[];
  /**
   * Whether the log has newer entries.
   */
  hasMore: boolean;
}
/**
 * A page of the caller's conversations.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Listing".
 */
export interface Listing {
  /**
   * Latest activity first.
   */
  conversations: Conversation[];
  /**
   * The `cursor` of the next page; null on the last one.
   */
  nextCursor: string | null;
}
/**
 * What a call of `erase_me` has done.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Progress".
 */
export interface Progress {
  /**
   * How many conversations are deleted, or have nothing of the user any more.
   */
  conversations: number;
  /**
   * How many messages were emptied; those of deleted conversations are not counted.
   */
  messages: number;
  /**
   * Whether nothing is left. Otherwise call again.
   */
  done: boolean;
}
/**
 * What every error has, as RFC 9457 names it.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "ProblemDetails".
 */
export interface ProblemDetails {
  /**
   * The code as a URI.
   */
  type: string;
  /**
   * What the code means, for people.
   */
  title: string;
  /**
   * The HTTP status, over a socket too.
   */
  status: number;
  /**
   * What happened this time, for people.
   */
  detail: string;
  /**
   * Branch on this. It does not change.
   */
  code: string;
  requestId: RequestId;
  /**
   * What is wrong with each field; of `invalid_request` alone. More than 20 are counted.
   *
   * @minItems 1
   * @maxItems 20
   */
  errors?: FieldError[];
  /**
   * Seconds after which the same request may succeed; over a socket alone. Over REST it is the
   * header `Retry-After`.
   *
   */
  retryAfter?: number;
}
/**
 * What is wrong with one field.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "FieldError".
 */
export interface FieldError {
  /**
   * The field's dotted path; empty for the whole request.
   */
  path: string;
  /**
   * What is wrong with it.
   */
  message: string;
}
/**
 * The fields of a new conversation.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "CreateConversation".
 */
export interface CreateConversation {
  type: ConversationType;
  /**
   * At most 200 characters (`CONFAB_MAX_TITLE_CHARS`), none of which is U+0000.
   */
  title?: string | null;
  /**
   * Neither the caller nor anyone twice (`CONFAB_MAX_MEMBERS`; 0 is no limit).
   *
   * @maxItems 100
   */
  members?: NewMember[];
  metadata?: NewMetadata;
}
/**
 * A user to add.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "NewMember".
 */
export interface NewMember {
  userId: UserId;
  /**
   * Whether the member may write, or only read.
   */
  access?: "write" | "read";
}
/**
 * A JSON object of your own, at most 4096 bytes as compact JSON (`CONFAB_MAX_METADATA_BYTES`)
 * and 64 levels deep. Confab does not interpret it.
 *
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "NewMetadata".
 */
export interface NewMetadata {
  [k: string]: unknown;
}
/**
 * The fields of a new message.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "AddMessage".
 */
export interface AddMessage {
  /**
   * The text, at most 32768 bytes in UTF-8 (`CONFAB_MAX_CONTENT_BYTES`), without U+0000.
   */
  content: string;
  role?: Role;
  /**
   * Your own key for the message. It makes a retry safe.
   */
  clientMessageId?: IdempotencyKey | null;
  metadata?: NewMetadata;
  /**
   * The number of an earlier message, deleted or not.
   */
  inReplyTo?: Seq | null;
}
/**
 * At least one field. What is left out stays as it is.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "EditMessage".
 */
export interface EditMessage {
  /**
   * The text, at most 32768 bytes in UTF-8 (`CONFAB_MAX_CONTENT_BYTES`), without U+0000.
   */
  content?: string;
  metadata?: NewMetadata;
}
/**
 * At least one field. What is left out stays as it is.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "UpdateConversation".
 */
export interface UpdateConversation {
  /**
   * At most 200 characters (`CONFAB_MAX_TITLE_CHARS`), none of which is U+0000.
   */
  title?: string | null;
  metadata?: NewMetadata;
  owner?: UserId;
}
/**
 * Whether a user is typing in a conversation.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "TypingState".
 */
export interface TypingState {
  conversationId: Id;
  /**
   * The uid of the user who types.
   */
  userId: string;
  /**
   * Whether the user is typing.
   */
  typing: boolean;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Left".
 */
export interface Left {
  conversationId: Id;
  /**
   * The user was removed, or the conversation is deleted.
   */
  reason: "removed" | "deleted";
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Erased".
 */
export interface Erased {
  conversationId: Id;
  /**
   * The conversation's `erasures`, once all events with this number have come.
   */
  erasures: number;
  /**
   * The numbers of the messages.
   *
   * @minItems 1
   * @maxItems 500
   */
  seqs: Seq[];
}

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
 * A numbered item of a conversation's log.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Entry".
 */
export type Entry = Message | MessageChanged | ConversationChanged | Finalized;
/**
 * Ascending by `seq`.
 */
export type Messages = Message[];
/**
 * Ascending by `seq`, all kinds.
 */
export type Entries = Entry[];
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
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "RequestId".
 */
export type RequestId = string;
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Methods".
 */
export type Methods = string;
/**
 * Any error.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Problem".
 */
export type Problem =
  | InvalidRequest
  | Unauthenticated
  | TokenExpired
  | TokenRevoked
  | Forbidden
  | NotFound
  | MethodNotAllowed
  | ConversationFinalized
  | IdempotencyConflict
  | PayloadTooLarge
  | UnsupportedMediaType
  | RateLimited
  | Internal
  | Unavailable;
/**
 * The request breaks a rule.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "InvalidRequest".
 */
export type InvalidRequest = ProblemDetails & {
  type?: "urn:confab:error:invalid_request";
  title?: "The request is not valid";
  status?: 400;
  code?: "invalid_request";
  detail?: {
    [k: string]: unknown;
  };
};
/**
 * The request carries no token, or one that does not verify.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Unauthenticated".
 */
export type Unauthenticated = ProblemDetails & {
  type?: "urn:confab:error:unauthenticated";
  title?: "A valid Firebase ID token is required";
  status?: 401;
  code?: "unauthenticated";
  detail?: {
    [k: string]: unknown;
  };
  errors?: never;
};
/**
 * The token was valid once. Get a new one.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "TokenExpired".
 */
export type TokenExpired = ProblemDetails & {
  type?: "urn:confab:error:token_expired";
  title?: "The ID token has expired";
  status?: 401;
  code?: "token_expired";
  detail?: {
    [k: string]: unknown;
  };
  errors?: never;
};
/**
 * The user signed out everywhere, was disabled or was deleted.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "TokenRevoked".
 */
export type TokenRevoked = ProblemDetails & {
  type?: "urn:confab:error:token_revoked";
  title?: "The ID token has been revoked";
  status?: 401;
  code?: "token_revoked";
  detail?: {
    [k: string]: unknown;
  };
  errors?: never;
};
/**
 * The caller is known, but may not do this.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Forbidden".
 */
export type Forbidden = ProblemDetails & {
  type?: "urn:confab:error:forbidden";
  title?: "Not allowed";
  status?: 403;
  code?: "forbidden";
  detail?: {
    [k: string]: unknown;
  };
  errors?: never;
};
/**
 * There is no such path, conversation or message, or the caller is not a participant.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "NotFound".
 */
export type NotFound = ProblemDetails & {
  type?: "urn:confab:error:not_found";
  title?: "Not found";
  status?: 404;
  code?: "not_found";
  detail?: {
    [k: string]: unknown;
  };
  errors?: never;
};
/**
 * The path exists, the method does not.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "MethodNotAllowed".
 */
export type MethodNotAllowed = ProblemDetails & {
  type?: "urn:confab:error:method_not_allowed";
  title?: "Method not allowed";
  status?: 405;
  code?: "method_not_allowed";
  detail?: {
    [k: string]: unknown;
  };
  errors?: never;
};
/**
 * The log is closed permanently.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "ConversationFinalized".
 */
export type ConversationFinalized = ProblemDetails & {
  type?: "urn:confab:error:conversation_finalized";
  title?: "The conversation is finalized";
  status?: 409;
  code?: "conversation_finalized";
  detail?: {
    [k: string]: unknown;
  };
  errors?: never;
};
/**
 * The key was used before with a different body.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "IdempotencyConflict".
 */
export type IdempotencyConflict = ProblemDetails & {
  type?: "urn:confab:error:idempotency_conflict";
  title?: "The idempotency key was used for another request";
  status?: 409;
  code?: "idempotency_conflict";
  detail?: {
    [k: string]: unknown;
  };
  errors?: never;
};
/**
 * The body or packet exceeds `CONFAB_MAX_BODY_BYTES`.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "PayloadTooLarge".
 */
export type PayloadTooLarge = ProblemDetails & {
  type?: "urn:confab:error:payload_too_large";
  title?: "The payload is too large";
  status?: 413;
  code?: "payload_too_large";
  detail?: {
    [k: string]: unknown;
  };
  errors?: never;
};
/**
 * The body is not declared as JSON in UTF-8.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "UnsupportedMediaType".
 */
export type UnsupportedMediaType = ProblemDetails & {
  type?: "urn:confab:error:unsupported_media_type";
  title?: "The media type is not supported";
  status?: 415;
  code?: "unsupported_media_type";
  detail?: {
    [k: string]: unknown;
  };
  errors?: never;
};
/**
 * The caller sends, or holds open, more than a user may.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "RateLimited".
 */
export type RateLimited = ProblemDetails & {
  type?: "urn:confab:error:rate_limited";
  title?: "Too many requests";
  status?: 429;
  code?: "rate_limited";
  detail?: {
    [k: string]: unknown;
  };
  errors?: never;
};
/**
 * A bug in Confab. The request id finds it in the logs.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Internal".
 */
export type Internal = ProblemDetails & {
  type?: "urn:confab:error:internal";
  title?: "Internal error";
  status?: 500;
  code?: "internal";
  detail?: {
    [k: string]: unknown;
  };
  errors?: never;
};
/**
 * The store or the identity service did not respond in time.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Unavailable".
 */
export type Unavailable = ProblemDetails & {
  type?: "urn:confab:error:unavailable";
  title?: "The service is temporarily unavailable";
  status?: 503;
  code?: "unavailable";
  detail?: {
    [k: string]: unknown;
  };
  errors?: never;
};
/**
 * A Firebase ID token. A renewed one is of the same user.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Token".
 */
export type Token = string;
/**
 * The last number that the client has seen; 0 for none. The page continues after it.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "After".
 */
export type After = number | null;
/**
 * It was carried out.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Ok".
 */
export type Ok = true;
/**
 * With `after` the entries that follow it, without it the newest messages.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "JoinAck".
 */
export type JoinAck = FollowingEntries | NewestMessages;
/**
 * The version of this envelope.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "EnvelopeVersion".
 */
export type EnvelopeVersion = 1;
/**
 * The id of the instance that published the event.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Origin".
 */
export type Origin = string;
/**
 * When it happened; for an entry, the moment after its commit.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "At".
 */
export type At = Timestamp;

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
  messages: Messages;
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
  entries: Entries;
  /**
   * Whether the log has newer entries.
   */
  hasMore: boolean;
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
 * The fields of a new conversation.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "CreateConversation".
 */
export interface CreateConversation {
  type: ConversationType;
  /**
   * At most 200 characters (`CONFAB_MAX_TITLE_CHARS`).
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
   * The text, at most 32768 bytes in UTF-8 (`CONFAB_MAX_CONTENT_BYTES`).
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
 * via the `definition` "UpdateConversation".
 */
export interface UpdateConversation {
  /**
   * At most 200 characters (`CONFAB_MAX_TITLE_CHARS`).
   */
  title?: string | null;
  metadata?: NewMetadata;
  owner?: UserId;
}
/**
 * At least one field. What is left out stays as it is.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "EditMessage".
 */
export interface EditMessage {
  /**
   * The text, at most 32768 bytes in UTF-8 (`CONFAB_MAX_CONTENT_BYTES`).
   */
  content?: string;
  metadata?: NewMetadata;
}
/**
 * The access that the member gets.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "SetMember".
 */
export interface SetMember {
  access: Access;
}
/**
 * It takes no fields. The body may be left out.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "NoFields".
 */
export interface NoFields {}
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
 * Socket.IO's `auth`.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Handshake".
 */
export interface Handshake {
  token: Token;
  /**
   * A room to join at once. The event `joined` holds the result.
   */
  conversationId?: Id | null;
  after?: After;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Join".
 */
export interface Join {
  conversationId: Id;
  after?: After;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Leave".
 */
export interface Leave {
  conversationId: Id;
}
/**
 * The fields of the REST operation `add_message`, and the conversation.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "SendMessage".
 */
export interface SendMessage {
  conversationId: Id;
  /**
   * The text, at most 32768 bytes in UTF-8 (`CONFAB_MAX_CONTENT_BYTES`).
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
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "SetTyping".
 */
export interface SetTyping {
  conversationId: Id;
  /**
   * Whether the user is typing.
   */
  typing: boolean;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Renew".
 */
export interface Renew {
  token: Token;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Connected".
 */
export interface Connected {
  /**
   * The socket's id.
   */
  sid: string;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "ConnectError".
 */
export interface ConnectError {
  /**
   * The problem's title.
   */
  message: string;
  data: ProblemDetails;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Ack".
 */
export interface Ack {
  ok: Ok;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "ErrorAck".
 */
export interface ErrorAck {
  /**
   * It was not carried out, and nothing was changed.
   */
  ok: false;
  error: ProblemDetails;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "FollowingEntries".
 */
export interface FollowingEntries {
  ok: Ok;
  conversation: Conversation;
  entries: Entries;
  /**
   * Whether the log has newer entries.
   */
  hasMore: boolean;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "NewestMessages".
 */
export interface NewestMessages {
  ok: Ok;
  conversation: Conversation;
  messages: Messages;
  /**
   * Whether there are older messages.
   */
  hasMore: boolean;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "MessageAck".
 */
export interface MessageAck {
  ok: Ok;
  message: Message;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "AuthAck".
 */
export interface AuthAck {
  ok: Ok;
  expiresAt: Timestamp;
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
 * via the `definition` "Resync".
 */
export interface Resync {
  conversationId: Id;
  /**
   * The last number that the socket was sent.
   */
  after: number;
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
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "GoingAway".
 */
export interface GoingAway {
  /**
   * Why the connection will close.
   */
  reason: string;
  /**
   * Wait this long before reconnecting. It differs by socket, to spread the load.
   */
  reconnectAfterMs: number;
}
/**
 * No fields.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "AuthExpired".
 */
export interface AuthExpired {}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "MessageCreated".
 */
export interface MessageCreated {
  v: EnvelopeVersion;
  /**
   * The event's type.
   */
  type: "message.created";
  conversationId: Id;
  seq: Seq;
  data: Message;
  origin: Origin;
  at: At;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "MessageChangedEvent".
 */
export interface MessageChangedEvent {
  v: EnvelopeVersion;
  /**
   * The event's type.
   */
  type: "message.changed";
  conversationId: Id;
  seq: Seq;
  data: MessageChanged;
  origin: Origin;
  at: At;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "ConversationChangedEvent".
 */
export interface ConversationChangedEvent {
  v: EnvelopeVersion;
  /**
   * The event's type.
   */
  type: "conversation.changed";
  conversationId: Id;
  seq: Seq;
  data: ConversationChanged;
  origin: Origin;
  at: At;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "ConversationFinalizedEvent".
 */
export interface ConversationFinalizedEvent {
  v: EnvelopeVersion;
  /**
   * The event's type.
   */
  type: "conversation.finalized";
  conversationId: Id;
  seq: Seq;
  data: Finalized;
  origin: Origin;
  at: At;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "ConversationDeletedEvent".
 */
export interface ConversationDeletedEvent {
  v: EnvelopeVersion;
  /**
   * The event's type.
   */
  type: "conversation.deleted";
  conversationId: Id;
  /**
   * A deletion has no number.
   */
  seq: null;
  data: DeletedConversation;
  origin: Origin;
  at: At;
}
/**
 * Which conversation was deleted.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "DeletedConversation".
 */
export interface DeletedConversation {
  conversationId: Id;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "UserErasedEvent".
 */
export interface UserErasedEvent {
  v: EnvelopeVersion;
  /**
   * The event's type.
   */
  type: "user.erased";
  /**
   * It concerns no single conversation.
   */
  conversationId: null;
  /**
   * An erasure has no number.
   */
  seq: null;
  data: ErasedUser;
  origin: Origin;
  at: At;
}
/**
 * Which user was erased.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "ErasedUser".
 */
export interface ErasedUser {
  /**
   * The uid.
   */
  userId: string;
}
/**
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Typing".
 */
export interface Typing {
  v: EnvelopeVersion;
  /**
   * The event's type.
   */
  type: "typing";
  conversationId: Id;
  /**
   * Typing has no number.
   */
  seq: null;
  data: TypingState;
  origin: Origin;
  at: At;
}
/**
 * The attributes of the Pub/Sub message.
 *
 * This interface was referenced by `undefined`'s JSON-Schema
 * via the `definition` "Attributes".
 */
export interface Attributes {
  /**
   * The event's type.
   */
  type: string;
  conversationId?: Id;
  /**
   * The version of CloudEvents.
   */
  "ce-specversion": "1.0";
  /**
   * The event's type.
   */
  "ce-type": string;
  /**
   * The path of what it is about.
   */
  "ce-source": string;
  /**
   * Of an entry its conversation and number, the same however often it is published; otherwise
   * unique.
   *
   */
  "ce-id": string;
  "ce-time": At;
  /**
   * The process that published it, which can skip the event. Typing has none.
   */
  origin?: string;
  /**
   * The W3C trace in which the event was published, if there is one.
   */
  traceparent?: string;
}

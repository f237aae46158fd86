"""What each field means, in a sentence. Types, bounds and defaults are not said here but generated."""

from collections.abc import Mapping

from confab.domain.limits import Limits

LIMITS = Limits()
"""The limits of a deployment that sets none of its own."""

_AFTER = "The last sequence number that the client has seen; 0 for none. "
_METADATA = (
    f"A JSON object of the client's own, at most {LIMITS.max_metadata_bytes} bytes as compact JSON "
    "(`CONFAB_MAX_METADATA_BYTES`). Confab does not look into it."
)

FIELDS: Mapping[str, str] = {
    # what both sides say
    "access": "Whether the member may write, or only read.",
    "after": f"{_AFTER}The answer continues behind it.",
    "clientMessageId": "The author's own key for the message. It makes a repeat safe.",
    "content": "What is said.",
    "conversationId": "The conversation's id.",
    "finalizedAt": "When the log was closed.",
    "limit": (
        "How many to answer at most (`CONFAB_MAX_PAGE`); fewer where they would pass `CONFAB_MAX_PAGE_BYTES`."
    ),
    "members": "The users whom the owner let in.",
    "metadata": "The JSON object that the client gave.",
    "role": "In which role it is said.",
    "seq": "The entry's number in the log: 1, 2, 3 … with no gap and no repeat.",
    "status": "Whether the log is open, or closed for good.",
    "title": "A title for people.",
    "token": "A Firebase ID token.",
    "type": "The kind of conversation.",
    "typing": "Whether the user is typing.",
    "userId": "The user's Firebase uid.",
    # requests
    "AddMessage.content": f"At most {LIMITS.max_content_bytes} bytes in UTF-8 (`CONFAB_MAX_CONTENT_BYTES`).",
    "AddMessage.metadata": _METADATA,
    "AddMessage.role": "The owner writes in any role, a member as `user`, a member who is an agent in any.",
    "CreateConversation.members": (
        "The users to let in: neither the caller nor anyone twice (`CONFAB_MAX_MEMBERS`; 0 is no limit)."
    ),
    "CreateConversation.metadata": _METADATA,
    "CreateConversation.title": "A title for people (`CONFAB_MAX_TITLE_CHARS`).",
    "GetConversation.after": "Answer the messages numbered above this. Not together with `before`.",
    "GetConversation.before": "Answer the messages numbered below this. Not together with `after`.",
    "Handshake.after": f"{_AFTER}For the join that `conversationId` asks for.",
    "Handshake.conversationId": "A room to join on connecting; `joined` tells the outcome.",
    "ListConversations.cursor": "`nextCursor` of the page before this one.",
    "ListConversations.status": "Only conversations with this status.",
    "Renew.token": "A new Firebase ID token of the same user.",
    # resources
    "Conversation.createdAt": "When it was started.",
    "Conversation.finalizedAt": "When its log was closed; null while it is open.",
    "Conversation.id": "Its id.",
    "Conversation.owner": "The uid of the user who started it.",
    "Conversation.realtimeUrl": "Where its room is served: open the socket here.",
    "Conversation.seq": "The number of the newest entry; 0 while the log is empty.",
    "Conversation.updatedAt": "When its newest entry was written, or it was started.",
    "Message.author": "The uid of who wrote it.",
    "Message.createdAt": (
        "When it was about to be stored, by the clock of the process that did; never before an earlier entry."
    ),
    "Message.id": "Its id.",
    "Listing.conversations": "Latest activity first.",
    "Listing.nextCursor": "Ask with it as `cursor` for the next page; null on the last one.",
    "Page.hasMore": "Whether there are newer messages if `after` was given, older ones otherwise.",
    "Page.messages": "Ascending by `seq`.",
    # problems
    "FieldError.message": "What is wrong with it.",
    "FieldError.path": "The field's dotted path (`members.1.userId`); empty for the whole.",
    "Problem.code": "Decide on this: it does not change.",
    "Problem.detail": "What happened this time, for people.",
    "Problem.errors": "What is wrong with each field.",
    "Problem.requestId": "Finds the request in the logs.",
    "Problem.status": "The HTTP status, over a socket too.",
    "Problem.title": "What the code means, for people.",
    "Problem.type": "The problem's type as a URI (RFC 9457).",
    # the socket
    "Accepted.ok": "The event was carried out.",
    "AuthAccepted.expiresAt": "When the renewed token runs out.",
    "ConnectError.message": "The problem's title.",
    "Connected.sid": "The socket's id.",
    "GoingAway.reason": "Why the connection will be closed.",
    "GoingAway.reconnectAfterMs": "Milliseconds to wait before reconnecting; spreads the clients.",
    "Refused.ok": "The event changed nothing.",
    "Resync.after": "The last number that the socket was sent: join again with it.",
    # the bus
    "_Event.at": "When it happened; of an entry, the moment after its commit.",
    "_Event.origin": "The id of the instance that published it.",
    "_Event.type": "The type of the event, also an attribute of the bus message.",
    "_Event.v": "The version of this form.",
    "Typing.seq": "Typing has no number.",
}


def words_of(model: type, name: str) -> str:
    """What a field of a model means; the nearest class's own words come first."""
    for cls in model.__mro__:
        if (words := FIELDS.get(f"{cls.__name__}.{name}")) is not None:
            return words
    return FIELDS[name]

"""What clients may ask for: each request's fields, checked against the deployment's limits.

Limits reach the validators through pydantic's validation context. `parse` is the only way in.
"""

import codecs
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import from_json

from confab.domain.entries.message import Draft
from confab.domain.errors import MAX_PATH_CHARS, FieldError, InvalidRequest
from confab.domain.limits import Limits
from confab.domain.models import Access, ConversationType, Member, Metadata, Principal, Role, Status

R = TypeVar("R", bound="Request")

IDEMPOTENCY_KEY = r"^[\x20-\x7e]{1,128}$"
"""1 to 128 printable ASCII characters, for `clientMessageId` and `Idempotency-Key`."""
ID = r"^[A-Za-z0-9_-]{1,64}$"
MAX_FIELDS = 20
"""An object with more fields is refused unread; no request has as many."""
MAX_DEPTH = 64
"""How deep objects and arrays of metadata are nested, itself included."""
RESERVED = "agent:"
"""How the ids of Confab's own assistants begin; no user's does."""
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_NO_USER_ID = re.compile("[/\0-\x1f\x7f-\x9f\ud800-\udfff]")


class Request(BaseModel):
    """A client's request: no unknown fields, no coercion, camelCase names only."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        hide_input_in_errors=True,
        defer_build=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _count_fields(cls, fields: object) -> object:
        """Refuse too many fields before each unknown one becomes an error of its own."""
        if isinstance(fields, dict) and len(fields) > MAX_FIELDS:
            raise ValueError(f"has {len(fields)} fields, more than any request takes")
        return fields


def parse(model: type[R], fields: object, limits: Limits) -> R:
    """The request that `fields` make. Raises InvalidRequest naming each field that is wrong."""
    if not isinstance(fields, Mapping):
        raise InvalidRequest.field("", "must be a JSON object")
    try:
        return model.model_validate(dict(fields), context=limits)
    except ValidationError as error:
        raise InvalidRequest.from_validation(error) from None


def parse_json(data: bytes) -> Any:
    """The value of a JSON text, with or without a byte order mark.

    Raises InvalidRequest for anything RFC 8259 does not allow, and for a name that an object has twice.
    """
    text = data.removeprefix(codecs.BOM_UTF8)
    try:
        value = from_json(text, allow_inf_nan=False)
        require_distinct_names(text.decode())
    except ValueError:
        raise InvalidRequest.field("", "must be valid JSON in UTF-8") from None
    return value


def require_distinct_names(text: str) -> None:
    """Raises InvalidRequest if an object in valid JSON has a name twice: one would be lost."""
    _NAMES.decode(text)


def _check_names(pairs: Sequence[tuple[str, object]]) -> None:
    if len(dict(pairs)) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise InvalidRequest.field(name[:MAX_PATH_CHARS], "is given more than once")


_NAMES = json.JSONDecoder(object_pairs_hook=_check_names)


def _limits(info: ValidationInfo) -> Limits:
    assert isinstance(info.context, Limits)
    return info.context


def _check_text(text: str) -> str:
    if _NO_TEXT.search(text):
        raise ValueError("must be valid Unicode without U+0000")
    return text


def _check_metadata(metadata: Metadata, info: ValidationInfo) -> Metadata:
    most = _limits(info).max_metadata_bytes
    if not _nests_at_most(metadata, MAX_DEPTH):
        raise ValueError(f"must be nested at most {MAX_DEPTH} deep")
    text = json.dumps(metadata, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > most:
        raise ValueError(f"must be at most {most} bytes as JSON")
    return metadata


def _nests_at_most(value: object, depth: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return inner is None or (depth > 0 and all(_nests_at_most(one, depth - 1) for one in inner))


def _check_content(content: str, info: ValidationInfo) -> str:
    most = _limits(info).max_content_bytes
    if not content:
        raise ValueError("must not be empty")
    if len(content.encode()) > most:
        raise ValueError(f"must be at most {most} bytes in UTF-8")
    return content


def _check_title(title: str | None, info: ValidationInfo) -> str | None:
    most = _limits(info).max_title_chars
    if title is not None and len(title) > most:
        raise ValueError(f"must be at most {most} characters")
    return title


def _check_member_count(members: object, info: ValidationInfo) -> object:
    """Refuse a list that is too long before any of its items is validated."""
    most = _limits(info).max_members
    if isinstance(members, list) and 0 < most < len(members):
        raise ValueError(f"must list at most {most} members")
    return members


def check_user_id(uid: str) -> str:
    """The uid itself; raises ValueError for one that no user has."""
    if _NO_USER_ID.search(uid):
        raise ValueError("must be valid Unicode without / and control characters")
    if uid.startswith(RESERVED):
        raise ValueError(f"must not begin with {RESERVED}")
    return uid


def _whole(number: object) -> object:
    """To JSON Schema, and to a client in whose language all numbers are floats, 1.0 is an integer."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _digits(number: object) -> object:
    if isinstance(number, str):
        if not re.fullmatch(r"0|-?[1-9]\d{0,15}", number, re.ASCII):
            raise ValueError("must be a whole number in digits")
        return int(number)
    return number


def _number_of_message(text: object) -> object:
    """A whole number; 0, which no message has, for one that is larger than any message's."""
    if isinstance(text, str) and re.fullmatch(r"-?[1-9]\d{15,}", text, re.ASCII):
        return 0
    return _digits(text)


def _from_the_start(after: object) -> object:
    return 0 if after is None else after


def _default_limit(limit: object, info: ValidationInfo) -> object:
    return _limits(info).default_page if limit is None else limit


def _check_limit(limit: int, info: ValidationInfo) -> int:
    most = _limits(info).max_page
    if not 1 <= limit <= most:
        raise ValueError(f"must be from 1 to {most}")
    return limit


Text = Annotated[str, AfterValidator(_check_text)]
CheckedMetadata = Annotated[Metadata, AfterValidator(_check_metadata)]
IdempotencyKey = Annotated[str, Field(pattern=IDEMPOTENCY_KEY)]
ConversationId = Annotated[str, Field(pattern=ID)]
Whole = Annotated[int, BeforeValidator(_whole)]
"""An integer in a JSON body."""
Number = Annotated[int, BeforeValidator(_digits)]
"""An integer, which a query string has as text."""
PageLimit = Annotated[Number, BeforeValidator(_default_limit), AfterValidator(_check_limit)]
MAX_SEQ = 2**53 - 1
"""The largest integer that every JSON client reads exactly."""


UserId = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(check_user_id)]
"""A Firebase uid."""
Title = Annotated[Text | None, AfterValidator(_check_title)]
Content = Annotated[Text, AfterValidator(_check_content)]


class NewMember(Request):
    """A member of a new conversation."""

    user_id: UserId
    access: Access = "write"


class CreateConversation(Request):
    """The fields of a new conversation."""

    type: ConversationType
    title: Title = None
    members: Annotated[list[NewMember], BeforeValidator(_check_member_count)] = Field(default_factory=list)
    metadata: CheckedMetadata = Field(default_factory=dict)

    def members_beside(self, owner: str) -> tuple[Member, ...]:
        """The members; raises InvalidRequest where one is the owner or is listed twice."""
        seen = {owner}
        errors = []
        for index, member in enumerate(self.members):
            if member.user_id in seen:
                reason = "is the owner" if member.user_id == owner else "is listed twice"
                errors.append(FieldError(f"members.{index}.userId", reason))
            seen.add(member.user_id)
        if errors:
            raise InvalidRequest(*errors)
        return tuple(Member(user_id=member.user_id, access=member.access) for member in self.members)


class AddMessage(Request):
    """The fields of a new message."""

    content: Content
    role: Role = "user"
    client_message_id: IdempotencyKey | None = None
    metadata: CheckedMetadata = Field(default_factory=dict)
    in_reply_to: Annotated[Whole, Field(ge=1, le=MAX_SEQ)] | None = None

    def draft(self, conversation_id: str, author: Principal) -> Draft:
        """The message as `author` writes it into a conversation."""
        given = {"conversation_id": conversation_id, "author": author.uid, "agent": author.agent}
        return Draft(**{**dict(self), **given})


class Patch(Request):
    """Fields to change; one that is not given stays as it is."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(f"give at least one of {', '.join(type(self).model_fields)}")
        return self

    def given(self) -> dict[str, Any]:
        """The fields that were given, by their names in the model that they change."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class MessagePath(Request):
    """The parameters of a message's path. An id or a number that nothing has is not found."""

    id: str
    seq: Annotated[int, BeforeValidator(_number_of_message)]


class MemberPath(Request):
    """The parameters of a member's path."""

    id: str
    user_id: UserId


class UpdateConversation(Patch):
    """What to change about a conversation."""

    title: Title = None
    metadata: CheckedMetadata = Field(default_factory=dict)
    owner: UserId = ""


class EditMessage(Patch):
    """What to change about a message."""

    content: Content = ""
    metadata: CheckedMetadata = Field(default_factory=dict)


class SetMember(Request):
    """The access that a member gets."""

    access: Access


class GetConversation(Request):
    """Which page of the log to read: the last one, or one next to a sequence number."""

    after: Annotated[Number, Field(ge=0, le=MAX_SEQ)] | None = None
    before: Annotated[Number, Field(ge=1, le=MAX_SEQ)] | None = None
    limit: PageLimit = Field(default=None, validate_default=True)

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if self.after is not None and self.before is not None:
            raise ValueError("takes after or before, not both")
        return self


class ReadLog(Request):
    """Which page of the log to read, in all its kinds."""

    after: Annotated[Number, BeforeValidator(_from_the_start), Field(ge=0, le=MAX_SEQ)] = 0
    limit: PageLimit = Field(default=None, validate_default=True)


class ListConversations(Request):
    """Which of the caller's conversations to list."""

    status: Status | None = None
    cursor: Annotated[str, Field(max_length=256)] | None = None
    limit: PageLimit = Field(default=None, validate_default=True)


class NoFields(Request):
    """For operations that take no fields."""

"""The users of Confab's database, as whom processes sign in: each has one of SurrealDB's roles.

`viewer` reads, `editor` reads and writes and may change tables, `owner` may change users, too. None of
them reaches beyond its database.
"""

import json
from typing import Literal, get_args

from surrealdb.errors import NotAllowedError

from confab.store.session import ROLLED_BACK, Session

Role = Literal["viewer", "editor", "owner"]
ROLES: tuple[Role, ...] = get_args(Role)


WRITE = """{
    IF (UPDATE ONLY schema:version SET number = number RETURN VALUE id) = NONE { RETURN false };
    THROW 'rolled back';
}"""
"""Tries to write; ROLLED_BACK if that worked. Needs a schema."""
DEFINE = """{
    DEFINE USER OVERWRITE confab_role ON DATABASE PASSHASH '' ROLES VIEWER;
    THROW 'rolled back';
}"""
"""Tries to define a user; ROLLED_BACK if that worked."""
READ_ONLY = "The store's user may not write."


async def role_of(session: Session) -> Role:
    """The role of the session's user in its database, which has a schema. Raises SurrealError."""
    try:
        if await session.query(DEFINE, {}) == ROLLED_BACK:
            return "owner"
    except NotAllowedError:
        pass
    return "editor" if await session.query(WRITE, {}) == ROLLED_BACK else "viewer"


def name_of(users: str, role: Role) -> str:
    """The user of this role; the names of all three begin with `users`."""
    return f"{users}_{role}"


def definition(name: str, password: str, role: Role, *, level: Literal["ROOT", "DATABASE"]) -> str:
    """The statement that defines a user, whether or not there is one of this name."""
    user = f"{quoted(name)} ON {level} PASSWORD {json.dumps(password)} ROLES {role.upper()}"
    return f"DEFINE USER OVERWRITE {user}"


def quoted(name: str) -> str:
    """A name in SurrealQL, whatever is in it."""
    return "`" + name.replace("\\", r"\\").replace("`", r"\`") + "`"

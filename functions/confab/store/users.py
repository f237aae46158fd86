"""The users of Confab's database, as whom processes sign in: each has one of SurrealDB's roles.

`viewer` reads, `editor` reads and writes and may change tables, `owner` may change users, too. None of
them reaches beyond its database.
"""

import json
from typing import Literal, get_args

Role = Literal["viewer", "editor", "owner"]
ROLES: tuple[Role, ...] = get_args(Role)


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

"""Where everything is, given the environment: what runs already and is used, what is to be started."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.allocator import MALLOC
from infra.local.addresses import LOOPBACK, Address, StackError, answers_ok, free_addresses, parse

REGION = "us-central1"
REALTIME = ("realtime-1", "realtime-2")
_SERVERS = {
    "surrealdb": "SURREALDB_URL",
    "pubsub": "PUBSUB_EMULATOR_HOST",
    "auth": "FIREBASE_AUTH_EMULATOR_HOST",
}
_USUAL_PORTS = {
    "surrealdb": 8000,
    "pubsub": 8085,
    "auth": 9099,
    "functions": 5001,
    "hosting": 5000,
    "realtime-1": 8081,
    "realtime-2": 8082,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What the processes of a stack agree on."""

    env: Mapping[str, str]
    """The environment that every one of them gets."""
    addresses: Mapping[str, Address]
    """By name, whoever serves there."""
    running: Mapping[str, str]
    """The servers that are used and not started: names and addresses; `realtime` stands for all instances."""

    @property
    def web(self) -> str:
        """The web app's URL."""
        return f"http://{self.addresses['hosting']}"

    @property
    def functions(self) -> str:
        """The URL under which each function answers by its name, beside Hosting."""
        return f"http://{self.addresses['functions']}/{self.env['GOOGLE_CLOUD_PROJECT']}/{REGION}"

    @property
    def wanted(self) -> Mapping[str, Address]:
        """Where this stack will listen itself, by name."""
        used = {*self.running, *(REALTIME if "realtime" in self.running else ())}
        return {name: address for name, address in self.addresses.items() if name not in used}

    def description(self) -> dict[str, object]:
        """What somebody outside needs to use the stack: URLs, and the variables that point at it."""
        names = ("GOOGLE_CLOUD_PROJECT", "CONFAB_REALTIME_URLS", "CONFAB_ALLOWED_ORIGINS", *_SERVERS.values())
        names += ("SURREALDB_NAMESPACE", "SURREALDB_DATABASE")
        return {
            "web": self.web,
            "functions": self.functions,
            "env": {name: self.env[name] for name in names if name in self.env},
        }


def make_plan(given: Mapping[str, str], *, moved: bool) -> Plan:
    """The stack that the environment `given` asks for, on free ports if `moved`.

    A server that a variable points at is used if something answers there, and else started there.
    Raises StackError where it would have to be started on another machine.
    """
    given = {name: value for name, value in given.items() if value}
    free = free_addresses(len(_USUAL_PORTS))
    addresses = {
        name: moved_to if moved else Address(LOOPBACK, port)
        for (name, port), moved_to in zip(_USUAL_PORTS.items(), free, strict=True)
    }
    env = _defaults(addresses) | given
    running = {}
    for name, variable in _SERVERS.items():
        addresses[name] = parse(variable, env[variable])
        if variable in given and _serves(addresses[name], variable):
            running[name] = env[variable]
    if _realtime_runs(given.get("CONFAB_REALTIME_URLS", "")):
        running["realtime"] = env["CONFAB_REALTIME_URLS"]
    return Plan(env, addresses, running)


def _defaults(addresses: Mapping[str, Address]) -> dict[str, str]:
    web = addresses["hosting"]
    return {
        "GOOGLE_CLOUD_PROJECT": "demo-confab",
        "SURREALDB_URL": f"ws://{addresses['surrealdb']}",
        "PUBSUB_EMULATOR_HOST": str(addresses["pubsub"]),
        "FIREBASE_AUTH_EMULATOR_HOST": str(addresses["auth"]),
        "CONFAB_ALLOWED_ORIGINS": f"http://{web},http://localhost:{web.port}",
        "CONFAB_REALTIME_URLS": ",".join(f"http://{addresses[name]}" for name in REALTIME),
        **MALLOC,
        "CONFAB_REVOCATION_TTL_S": "0",  # here a look-up costs nothing, and revoking shows at once
    }


def _serves(address: Address, variable: str) -> bool:
    answers = address.answers()
    if not answers and not address.loopback:
        raise StackError(f"{variable} points at {address}, where nothing answers")
    return answers


def _realtime_runs(urls: str) -> bool:
    """Whether every one of these URLs is a realtime instance's; with a proxy before ours, not yet."""
    each = [url.strip() for url in urls.split(",") if url.strip()]
    return bool(each) and all(answers_ok(f"{url}/healthz") for url in each)

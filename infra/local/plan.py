"""Plans a stack from the environment: the servers to use, the services to start, their addresses."""

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
    "hosting": 5000,
    "functions": 5001,
    "realtime-1": 8081,
    "realtime-2": 8082,
    "auth": 9099,
    "pubsub": 8085,
    "surrealdb": 8000,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """The environment and the addresses that a stack's processes share."""

    env: Mapping[str, str]
    """Every process's environment."""
    addresses: Mapping[str, Address]
    """The servers' addresses by name."""
    running: Mapping[str, str]
    """The addresses of servers that run already, by name; `realtime` stands for all instances."""

    @property
    def web(self) -> str:
        """The web app's URL."""
        return f"http://{self.addresses['hosting']}"

    @property
    def only_agents(self) -> bool:
        """Whether users are refused: App Check, which has no emulator, is required of them."""
        return self.env.get("CONFAB_APP_CHECK") == "required"

    @property
    def functions(self) -> str:
        """The base URL of the functions by name, without Hosting."""
        return f"http://{self.addresses['functions']}/{self.env['GOOGLE_CLOUD_PROJECT']}/{REGION}"

    @property
    def wanted(self) -> Mapping[str, Address]:
        """The addresses on which this stack itself listens, by name."""
        used = {*self.running, *(REALTIME if "realtime" in self.running else ())}
        return {name: address for name, address in self.addresses.items() if name not in used}

    def description(self) -> dict[str, object]:
        """The URLs and variables with which other programs use the stack."""
        names = ("GOOGLE_CLOUD_PROJECT", "CONFAB_REALTIME_URLS", "CONFAB_ALLOWED_ORIGINS", *_SERVERS.values())
        names += ("SURREALDB_NAMESPACE", "SURREALDB_DATABASE")
        return {
            "web": self.web,
            "functions": self.functions,
            "env": {name: self.env[name] for name in names if name in self.env},
        }


def make_plan(given: Mapping[str, str], *, moved: int | None) -> Plan:
    """The stack for the environment `given`, on ports from `moved` on, where 0 is any that are free.

    Uses the server that a variable points at, and starts it there if none responds. Raises StackError if it
    would have to start it on another machine.
    """
    given = {name: value for name, value in given.items() if value}
    addresses = dict(zip(_USUAL_PORTS, _addresses(moved), strict=True))
    env = _defaults(addresses) | given
    running = {}
    for name, variable in _SERVERS.items():
        addresses[name] = parse(variable, env[variable])
        if variable in given and _serves(addresses[name], variable):
            running[name] = env[variable]
    if _realtime_runs(given.get("CONFAB_REALTIME_URLS", "")):
        running["realtime"] = env["CONFAB_REALTIME_URLS"]
    return Plan(env, addresses, running)


def _addresses(moved: int | None) -> list[Address]:
    if moved == 0:
        return free_addresses(len(_USUAL_PORTS))
    ports = _USUAL_PORTS.values() if moved is None else range(moved, moved + len(_USUAL_PORTS))
    return [Address(LOOPBACK, port) for port in ports]


def _defaults(addresses: Mapping[str, Address]) -> dict[str, str]:
    return {
        "GOOGLE_CLOUD_PROJECT": "demo-confab",
        "SURREALDB_URL": f"ws://{addresses['surrealdb']}",
        "PUBSUB_EMULATOR_HOST": str(addresses["pubsub"]),
        "FIREBASE_AUTH_EMULATOR_HOST": str(addresses["auth"]),
        "CONFAB_ALLOWED_ORIGINS": ",".join(page_origins(addresses["hosting"])),
        "CONFAB_REALTIME_URLS": ",".join(f"http://{addresses[name]}" for name in REALTIME),
        **MALLOC,
        "CONFAB_REVOCATION_TTL_S": "0",  # a local look-up is cheap, and a revocation shows at once
    }


def page_origins(web: Address) -> tuple[str, str]:
    """The origins of the page that is served there."""
    return f"http://{web}", f"http://localhost:{web.port}"


def _serves(address: Address, variable: str) -> bool:
    answers = address.answers()
    if not answers and not address.loopback:
        raise StackError(f"{variable} points at {address}, where no server responds")
    return answers


def _realtime_runs(urls: str) -> bool:
    """Whether a realtime instance responds at each of these URLs."""
    each = [url.strip() for url in urls.split(",") if url.strip()]
    return bool(each) and all(answers_ok(f"{url}/healthz") for url in each)

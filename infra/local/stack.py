"""The services of the stack, in their startup order."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from infra.local import firebase, killing
from infra.local.addresses import Address, free_addresses
from infra.local.data import ROOT, DataFolder
from infra.local.plan import REALTIME, Plan, page_origins
from infra.local.service import Service, prints, responds, succeeds
from infra.local.supervisor import Supervisor, say
from infra.page import firebase_json, realtime_sources

_STORES, _FIREBASE, _REALTIME = range(3)
"""Tiers; services stop in the reverse order."""


async def run(plan: Plan, data: DataFolder) -> int:
    """Run the stack until a signal; the exit code. `stack.json` describes the stack while it is ready."""
    for name, address in plan.running.items():
        say(f"{name:<12} {address:<28} runs already")
    if plan.only_agents:
        say("CONFAB_APP_CHECK is required, but App Check has no emulator: only agents are served")
    (kill_at,) = free_addresses(1)
    supervisor = Supervisor(_services(plan, data, kill_at), data.logs, say)
    origins = page_origins(plan.addresses["hosting"])
    with killing.offered(kill_at, origins, supervisor.kill), ExitStack() as description:

        def when_ready() -> None:
            description.enter_context(data.described(plan.description()))
            say(f"ready {plan.web}")

        return await supervisor.run(when_ready)


def _services(plan: Plan, data: DataFolder, kill_at: Address) -> list[Service]:
    """The services to start."""
    at = plan.addresses
    stores = {
        "surrealdb": (
            f"ws://{at['surrealdb']}",
            ("infra.local.surrealdb_server", "--path", str(data.path / "surrealdb")),
        ),
        "pubsub": (str(at["pubsub"]), ("infra.local.pubsub_emulator",)),
    }
    services = []
    for name, (shown, module) in stores.items():
        if name not in plan.running:
            command = (*module, "--host", at[name].host, "--port", str(at[name].port))
            services.append(_python(plan, name, command, shown, ready=prints("ready "), tier=_STORES))
    step: dict[str, Any] = {"ready": succeeds, "tier": _REALTIME, "once": True, "start_s": 90}
    migrate = ("confab.store", "migrate")
    services.append(_python(plan, "schema", migrate, "migrated", after=_names(services), **step))
    if "realtime" not in plan.running:
        services += [_realtime(plan, name, after=_names(services)) for name in REALTIME]
    services.append(_firebase(plan, data, kill_at))
    warm = ("infra.local.warm", plan.functions)
    services.append(_python(plan, "warm", warm, plan.functions, after=_names(services), **step))
    theirs = {"auth", "surrealdb"} & plan.running.keys()  # users and conversations that are not this stack's
    if not theirs and not plan.only_agents:
        seed = ("infra.local.seed", plan.web, f"http://{at['auth']}")
        services.append(_python(plan, "seed", seed, "ada@demo.example", after=_names(services), **step))
    return services


def _realtime(plan: Plan, name: str, *, after: tuple[str, ...]) -> Service:
    address = plan.addresses[name]
    return _python(
        plan,
        name,
        ("confab.realtime",),
        f"http://{address}",
        {"HOST": address.host, "PORT": str(address.port)},
        ready=responds(f"http://{address}/readyz"),
        after=after,
        tier=_REALTIME,
        killable=str(address),
        stop_s=10,
    )


def _firebase(plan: Plan, data: DataFolder, kill_at: Address) -> Service:
    wanted = ("auth", "functions", "hosting")
    addresses = {name: plan.addresses[name] for name in wanted if name not in plan.running}
    helpers = dict(zip(firebase.HELPERS, free_addresses(len(firebase.HELPERS)), strict=True))
    kill = [] if "realtime" in plan.running else [f"http://{kill_at}"]
    cells = (cell.partition("=")[2] for cell in plan.env.get("CONFAB_CELLS", "").split(",") if cell)
    realtime = [*plan.env["CONFAB_REALTIME_URLS"].split(","), *cells]
    config = firebase_json([f"http://{plan.addresses['auth']}", *kill, *realtime_sources(realtime)])
    page = [{"key": killing.HEADER, "value": address} for address in kill]
    config["hosting"]["headers"].append({"source": "/", "headers": page})
    return firebase.emulators(data.folder("firebase"), addresses | helpers, plan.env, config, _FIREBASE)


def _python(
    plan: Plan,
    name: str,
    module: tuple[str, ...],
    shown: str,
    env: Mapping[str, str] | None = None,
    **service: Any,
) -> Service:
    """A Python module of the repository as a service, announced as `shown`."""
    own = {"PYTHONPATH": str(ROOT / "functions"), "PYTHONUNBUFFERED": "1"}
    return Service(
        name=name,
        command=(sys.executable, "-m", *module),
        env={**plan.env, **own, **(env or {})},
        cwd=ROOT,
        announces={name: shown},
        **service,
    )


def _names(services: list[Service]) -> tuple[str, ...]:
    return tuple(service.name for service in services)

"""The services of the stack, in the order in which they start."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from infra.local import firebase
from infra.local.addresses import free_addresses
from infra.local.data import ROOT, DataFolder
from infra.local.plan import REALTIME, Plan
from infra.local.service import Service, answers, prints, succeeds
from infra.local.supervisor import Supervisor, say

_STORES, _FIREBASE, _REALTIME = range(3)
"""Tiers; services stop in the opposite order."""


async def run(plan: Plan, data: DataFolder) -> int:
    """Run the stack until it is interrupted; the exit code. `stack.json` describes it while it is ready."""
    for name, address in plan.running.items():
        say(f"{name:<12} {address:<28} runs already")
    with ExitStack() as description:

        def when_ready() -> None:
            description.enter_context(data.described(plan.description()))
            say(f"ready {plan.web}")

        return await Supervisor(_services(plan, data), data.logs, say).run(when_ready)


def _services(plan: Plan, data: DataFolder) -> list[Service]:
    """Every service that this plan has to start."""
    started = []
    if "surrealdb" not in plan.running:
        options = ("--path", str(data.path / "surrealdb"))
        started.append(_server(plan, "surrealdb", "infra.local.surrealdb_server", "ws://", *options))
    if "pubsub" not in plan.running:
        started.append(_server(plan, "pubsub", "infra.local.pubsub_emulator", ""))
    started.append(_step(plan, "schema", "migrated", ("confab.store", "migrate"), after=_names(started)))
    if "realtime" not in plan.running:
        started += [_realtime(plan, name, after=_names(started)) for name in REALTIME]
    started.append(_firebase(plan, data))
    warm = ("infra.local.warm", plan.functions)
    started.append(_step(plan, "warm", plan.functions, warm, after=_names(started)))
    return started


def _server(plan: Plan, name: str, module: str, scheme: str, *options: str) -> Service:
    """A server of infra/local, which prints `ready ADDRESS`."""
    address = plan.addresses[name]
    return _python(
        plan,
        name,
        (module, "--host", address.host, "--port", str(address.port), *options),
        ready=prints("ready "),
        announces={name: f"{scheme}{address}"},
        tier=_STORES,
    )


def _step(plan: Plan, name: str, shown: str, module: tuple[str, ...], *, after: tuple[str, ...]) -> Service:
    return _python(
        plan,
        name,
        module,
        ready=succeeds,
        announces={name: shown},
        after=after,
        tier=_REALTIME,
        once=True,
        start_s=90,
    )


def _realtime(plan: Plan, name: str, *, after: tuple[str, ...]) -> Service:
    address = plan.addresses[name]
    return _python(
        plan,
        name,
        ("confab.realtime",),
        {"HOST": address.host, "PORT": str(address.port)},
        ready=answers(f"http://{address}/readyz"),
        announces={name: f"http://{address}"},
        after=after,
        tier=_REALTIME,
        stop_s=10,
    )


def _firebase(plan: Plan, data: DataFolder) -> Service:
    wanted = ("auth", "functions", "hosting")
    addresses = {name: plan.addresses[name] for name in wanted if name not in plan.running}
    helpers = dict(zip(firebase.HELPERS, free_addresses(len(firebase.HELPERS)), strict=True))
    return firebase.emulators(ROOT, data.folder("firebase"), addresses | helpers, plan.env, tier=_FIREBASE)


def _python(
    plan: Plan, name: str, module: tuple[str, ...], env: Mapping[str, str] | None = None, **service: Any
) -> Service:
    """A Python program of the repository as a service."""
    own = {"PYTHONPATH": str(ROOT / "functions"), "PYTHONUNBUFFERED": "1"}
    return Service(
        name=name,
        command=(sys.executable, "-m", *module),
        env={**plan.env, **own, **(env or {})},
        cwd=ROOT,
        **service,
    )


def _names(services: list[Service]) -> tuple[str, ...]:
    return tuple(service.name for service in services)

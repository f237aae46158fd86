"""The services of the stack, in the order in which they start."""

import sys
from collections.abc import Mapping
from pathlib import Path

from infra.local import firebase
from infra.local.data import DataFolder
from infra.local.plan import REALTIME, Plan, free_addresses
from infra.local.service import Service, answers, prints, succeeds

ROOT = Path(__file__).parents[2]
_STORES, _FIREBASE, _REALTIME = range(3)
"""Waves; services stop in the opposite order."""


def services(plan: Plan, data: DataFolder) -> list[Service]:
    """Every service that this plan has to start."""
    surrealdb = plan.addresses["surrealdb"]
    pubsub = plan.addresses["pubsub"]
    servers = [
        _server(plan, "surrealdb", f"ws://{surrealdb}", ("--path", str(data.path / "surrealdb"))),
        _server(plan, "pubsub", str(pubsub), ()),
    ]
    started = [server for server in servers if server.name not in plan.running]
    started.append(_step(plan, "schema", "migrated", ("confab.store", "migrate"), after=_names(started)))
    if "realtime" not in plan.running:
        started += [_realtime(plan, name, _names(started)) for name in REALTIME]
    started.append(_firebase(plan, data))
    started.append(
        _step(plan, "warm", plan.functions, ("infra.local.warm", plan.functions), after=_names(started))
    )
    return started


def _server(plan: Plan, name: str, shown: str, options: tuple[str, ...]) -> Service:
    """A server of infra/local, which prints `ready ADDRESS`."""
    address = plan.addresses[name]
    package = {"surrealdb": "surrealdb_server", "pubsub": "pubsub_emulator"}[name]
    listen = ("--host", address.host, "--port", str(address.port))
    return Service(
        name=name,
        command=_module(f"infra.local.{package}", *listen, *options),
        env=_python_env(plan),
        cwd=ROOT,
        ready=prints("ready "),
        announces={name: shown},
        wave=_STORES,
    )


def _step(plan: Plan, name: str, shown: str, module: tuple[str, ...], *, after: tuple[str, ...]) -> Service:
    return Service(
        name=name,
        command=_module(*module),
        env=_python_env(plan),
        cwd=ROOT,
        ready=succeeds,
        announces={name: shown},
        after=after,
        wave=_REALTIME,
        once=True,
        start_s=90,
    )


def _realtime(plan: Plan, name: str, after: tuple[str, ...]) -> Service:
    address = plan.addresses[name]
    return Service(
        name=name,
        command=_module("confab.realtime"),
        env={**_python_env(plan), "HOST": address.host, "PORT": str(address.port)},
        cwd=ROOT,
        ready=answers(f"http://{address}/readyz"),
        announces={name: f"http://{address}"},
        after=after,
        wave=_REALTIME,
        stop_s=10,
    )


def _firebase(plan: Plan, data: DataFolder) -> Service:
    wanted = ("auth", "functions", "hosting")
    addresses = {name: plan.addresses[name] for name in wanted if name not in plan.running}
    helpers = dict(zip(firebase.HELPERS, free_addresses(len(firebase.HELPERS)), strict=True))
    folder = data.folder("firebase")
    return firebase.emulators(ROOT, folder, addresses | helpers, plan.env, wave=_FIREBASE)


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)


def _python_env(plan: Plan) -> Mapping[str, str]:
    return {**plan.env, "PYTHONPATH": str(ROOT / "functions"), "PYTHONUNBUFFERED": "1"}


def _names(services: list[Service]) -> tuple[str, ...]:
    return tuple(service.name for service in services)

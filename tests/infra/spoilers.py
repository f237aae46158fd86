"""Ways to spoil the program itself, each a function that alters it before it is run."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pulumi
from pulumi_gcp import pubsub, secretmanager

from confab.http import routes
from infra.gcp import alerts, functions, hosting, identities, realtime, signals
from infra.gcp.project import Project

Spoiler = Callable[[], None]


def put(owner: Any, name: str, value: Any) -> Spoiler:
    """Replace what an object or module calls by this name."""

    def spoil() -> None:
        assert hasattr(owner, name)
        setattr(owner, name, value)

    return spoil


def argue(owner: Any, name: str, **arguments: Any) -> Spoiler:
    """Call this with some other arguments than it is called with."""
    whole = getattr(owner, name)
    return put(owner, name, lambda *given, **named: whole(*given, **{**named, **arguments}))


def wider_role() -> None:
    """Let containers delete topics."""
    title, permissions = identities.ROLES["confabSubscriptions"]
    identities.ROLES["confabSubscriptions"] = (title, (*permissions, "pubsub.topics.delete"))


def publish_anywhere(grants: identities.Grants, identity: identities.Identity, _: object) -> None:
    """Instead of `Grants.publish`."""
    grants.in_project(identity, "roles/pubsub.publisher")


def unconditional(grants: identities.Grants, identity: identities.Identity, role: str, *_: object) -> None:
    """Instead of `Grants.in_project`."""
    grants._in_project(identity, role.rpartition("/")[2], role, "true")


def impatient(module: Any) -> Spoiler:
    """Let nothing that this module makes wait for anything."""

    class Impatient:
        ResourceOptions = staticmethod(lambda **_: pulumi.ResourceOptions())

        def __getattr__(self, name: str) -> Any:
            return getattr(pulumi, name)

    return put(module, "pulumi", Impatient())


def gentle() -> None:
    """Tell nobody of a container that is not ready."""
    changed: dict[str, alerts.Alert] = dict(alerts.ALERTS)
    alerts.ALERTS = changed | {"readiness": replace(alerts.ALERTS["readiness"], above=100)}


SPOILERS: Mapping[str, Spoiler] = {
    "a wider role of our own": wider_role,
    "a publisher on every topic": put(identities.Grants, "publish", publish_anywhere),
    "readers that publish": put(functions, "WRITERS", frozenset(routes.functions())),
    "a builder of every bucket": put(identities.Grants, "in_project", unconditional),
    "nobody who looks up users": put(identities.Grants, "verify_tokens", lambda *_: None),
    "everything public": put(functions, "entry_points", lambda: frozenset(routes.functions())),
    "a function that is not made": put(
        functions, "functions", lambda whole=routes.functions: dict(list(whole().items())[1:])
    ),
    "a rewrite that is not made": put(hosting, "rewrites", lambda whole=routes.rewrites: list(whole())[1:]),
    "functions that wait for nothing": impatient(functions),
    "containers that wait for nothing": impatient(realtime),
    "things that do not wait for APIs": put(Project, "ready", property(lambda _: pulumi.ResourceOptions())),
    "events kept anywhere": argue(
        pubsub, "TopicMessageStoragePolicyArgs", allowed_persistence_regions=["us-east1"]
    ),
    "secrets kept anywhere": argue(
        secretmanager, "SecretReplicationUserManagedReplicaArgs", location="us-east1"
    ),
    "secrets that go with the deployment": argue(secretmanager, "SecretVersionArgs", deletion_policy=None),
    "an alert that keeps quiet": gentle,
    "other people's lines": put(signals, "LINES", "severity>=DEFAULT"),
}

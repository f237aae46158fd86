"""Probes who else may use the bus: Pub/Sub has no roles on the names of subscriptions.

So containers may read and delete every subscription of the project, and whoever may publish in the project
may publish Confab's events. Sockets are sent only what the store has, whatever those events say.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from confab.domain.cells import MAIN, topic_of
from infra.deploy.project import ask, ask_json
from infra.deploy.runner import Runner
from infra.deploy.target import Target
from infra.gcp.names import PREFIX
from infra.probes.probe import Failure

PUBLISH = {
    "roles/owner",
    "roles/editor",
    "roles/pubsub.admin",
    "roles/pubsub.editor",
    "roles/pubsub.publisher",
}
"""Google's roles with the permission to publish. Roles of the project's own are not looked into."""
PEOPLE = ("user:", "group:")
AGENT = re.compile(r"serviceAccount:.+@(gcp-sa-[\w-]+\.iam|cloudservices)\.gserviceaccount\.com")
"""Google's own accounts in a project, as whom no code of the project runs."""
TOPICS = "gcloud pubsub topics list --project={project} --format=value(name)"
SUBSCRIPTIONS = "gcloud pubsub subscriptions list --project={project} --format=value(name)"
OF_PROJECT = "gcloud projects get-iam-policy {project} --format=json"
OF_TOPIC = "gcloud pubsub topics get-iam-policy {topic} --project={project} --format=json"


def subscriptions(runner: Runner, target: Target) -> str:
    """All subscriptions of the project are Confab's."""
    found = [name.rpartition("/")[2] for name in ask(runner, target, SUBSCRIPTIONS).split()]
    others = sorted(name for name in found if not name.startswith(PREFIX))
    if others:
        raise Failure(f"containers may also read and delete {', '.join(others)}")
    return f"all {len(found)} are Confab's"


def publishers(runner: Runner, target: Target) -> str:
    """Only people, and Confab's own accounts, may publish."""
    topics = ask(runner, target, TOPICS).split()
    ours = [topic for topic in topics if topic.rpartition("/")[2].startswith(topic_of(MAIN))]
    commands = [OF_PROJECT, *(OF_TOPIC.replace("{topic}", topic) for topic in ours)]
    policies = [ask_json(runner, target, command) for command in commands]
    others = sorted({other for policy in policies for other in _others(policy, target.project)})
    if others:
        raise Failure(f"others may publish events: {', '.join(others)}")
    return "people, and Confab's own accounts"


def _others(policy: Mapping[str, Any], project: str) -> Iterator[str]:
    own = re.compile(rf"serviceAccount:{PREFIX}[\w-]+@{re.escape(project)}\.iam\.gserviceaccount\.com")
    for binding in policy.get("bindings", ()):
        if binding["role"] in PUBLISH:
            for member in binding["members"]:
                if not (member.startswith(PEOPLE) or AGENT.fullmatch(member) or own.fullmatch(member)):
                    yield f"{member} ({binding['role']})"

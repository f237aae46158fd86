"""Probes of the Google Cloud project, by the output of gcloud and the Firebase CLI."""

import json
from collections.abc import Callable
from typing import Any

from infra.deploy.runner import Runner
from infra.deploy.target import Target
from infra.probes.probe import Failure

APIS = (
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "serviceusage.googleapis.com",
)
"""The APIs that a deployment calls before the Pulumi program enables the others."""
PAGE_APIS = ("firebasehosting.googleapis.com",)
"""The API through which the page's site is inspected."""
ENABLED = "gcloud services list --enabled --project={project} --format=value(config.name)"
Check = Callable[[Runner, Target], str]
"""Returns what it found; raises Failure with what is missing."""


def ask(runner: Runner, target: Target, command: str) -> str:
    """The output of a command, with the target's {project}. Raises Failure."""
    answer = runner.ask(*command.format(project=target.project).split())
    if not answer.ok:
        raise Failure(answer.trouble)
    return answer.out.strip()


def ask_json(runner: Runner, target: Target, command: str) -> Any:
    """The JSON that a command prints. Raises Failure."""
    output = ask(runner, target, command)
    try:
        return json.loads(output)
    except ValueError:
        raise Failure(f"{command.split(maxsplit=1)[0]} prints no JSON: {output[:200]}") from None


def succeeds(command: str, expected: str | None = None, problem: str = "") -> Check:
    """A command succeeds, and prints `expected` if that is given."""

    def check(runner: Runner, target: Target) -> str:
        if ask(runner, target, command) != expected and expected is not None:
            raise Failure(problem)
        return ""

    return check


def public(runner: Runner, target: Target) -> str:
    """The organization allows `allUsers`, because pages call functions without a Google account."""
    command = (
        "gcloud resource-manager org-policies describe iam.allowedPolicyMemberDomains"
        " --project={project} --effective --format=json"
    )
    policy = ask_json(runner, target, command).get("listPolicy", {})
    if "allowedValues" in policy or policy.get("allValues") == "DENY":
        raise Failure("iam.allowedPolicyMemberDomains blocks allUsers")
    return "iam.allowedPolicyMemberDomains allows allUsers"


def web_app(runner: Runner, target: Target) -> str:
    """The project has a web app, whose API key the page needs for signing in."""
    command = "firebase apps:list WEB --project={project} --json --non-interactive"
    if not ask_json(runner, target, command).get("result"):
        raise Failure("the project has none")
    return "the project has one"


def account(runner: Runner, target: Target) -> str:
    """An account is active in gcloud."""
    who = ask(runner, target, "gcloud auth list --filter=status:ACTIVE --format=value(account)")
    if not who:
        raise Failure("nobody is logged in")
    return who


def apis(runner: Runner, target: Target) -> str:
    """The first deployment's APIs are enabled."""
    absent = sorted({*APIS, *(PAGE_APIS if target.page else ())} - set(ask(runner, target, ENABLED).split()))
    if absent:
        fix = f"gcloud services enable {' '.join(absent)} --project={target.project}"
        raise Failure(f"not enabled: {', '.join(absent)}", fix)
    return "enabled"

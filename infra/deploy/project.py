"""What the tools say of the Google Cloud project."""

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
    "firebasehosting.googleapis.com",
    "iam.googleapis.com",
    "serviceusage.googleapis.com",
)
"""Those that are called before the Pulumi program has enabled the others."""
Look = Callable[[Runner, Target], str]
"""Says what is there; raises Failure with what is not."""


def ask(runner: Runner, target: Target, command: str) -> str:
    """What a command says once its {project} is put in. Raises Failure."""
    answer = runner.ask(*command.format(project=target.project).split())
    if not answer.ok:
        raise Failure(answer.trouble)
    return answer.out.strip()


def ask_json(runner: Runner, target: Target, command: str) -> Any:
    """The JSON that a command prints. Raises Failure."""
    said = ask(runner, target, command)
    try:
        return json.loads(said)
    except ValueError:
        raise Failure(f"{command.split(maxsplit=1)[0]} prints no JSON: {said[:200]}") from None


def says(command: str, problem: str = "", expected: str | None = None) -> Look:
    """A command that succeeds, and says what is expected if anything is."""

    def look(runner: Runner, target: Target) -> str:
        said = ask(runner, target, command)
        if expected is not None and said != expected:
            raise Failure(problem)
        return ""

    return look


def public(runner: Runner, target: Target) -> str:
    """The organization allows `allUsers`: pages call functions without a Google account."""
    command = (
        "gcloud resource-manager org-policies describe iam.allowedPolicyMemberDomains"
        " --project={project} --effective --format=json"
    )
    policy = ask_json(runner, target, command).get("listPolicy", {})
    if "allowedValues" in policy or policy.get("allValues") == "DENY":
        raise Failure("iam.allowedPolicyMemberDomains blocks allUsers")
    return "iam.allowedPolicyMemberDomains allows allUsers"


def web_app(runner: Runner, target: Target) -> str:
    """A web app of the project: the page gets the key from it that people sign in with."""
    command = "firebase apps:list WEB --project={project} --json --non-interactive"
    if not ask_json(runner, target, command).get("result"):
        raise Failure("the project has none")
    return "the project has one"


def account(runner: Runner, target: Target) -> str:
    """The account that gcloud works for."""
    who = ask(runner, target, "gcloud auth list --filter=status:ACTIVE --format=value(account)")
    if not who:
        raise Failure("nobody is logged in")
    return who


def apis(runner: Runner, target: Target) -> str:
    """The APIs that have to be enabled before the first deployment."""
    command = "gcloud services list --enabled --project={project} --format=value(config.name)"
    absent = sorted(set(APIS) - set(ask(runner, target, command).split()))
    if absent:
        raise Failure(f"not enabled: {', '.join(absent)}")
    return "enabled"

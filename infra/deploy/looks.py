"""How each thing that a deployment needs is found out. A look says what is wrong, or None."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from confab.store.schema import ABSENT, OLDER
from infra.deploy import stack
from infra.deploy.plan import STORE_CHECK, STORE_ENV
from infra.deploy.runner import Runner
from infra.deploy.target import PROGRAM, ROOT, Target

APIS = (
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "firebasehosting.googleapis.com",
    "iam.googleapis.com",
    "serviceusage.googleapis.com",
)
"""Those that are called before the Pulumi program has enabled the others."""


Look = Callable[[Runner, Target], str | None]


def tool(name: str) -> Look:
    """Whether a tool is on the PATH."""
    return lambda runner, _: None if runner.find(name) else "is not on the PATH"


def file(path: str) -> Look:
    """Whether a file of the repository is there."""
    return lambda *_: None if (ROOT / path).exists() else f"{path} is not there"


def _manifest() -> Mapping[str, Any]:
    """The Pulumi program's."""
    found: Mapping[str, Any] = yaml.safe_load((ROOT / PROGRAM / "Pulumi.yaml").read_text())
    return found


def packages() -> list[Path]:
    """Where the Pulumi program finds its provider: in the virtual environment that it names."""
    environment = ROOT / PROGRAM / _manifest()["runtime"]["options"]["virtualenv"]
    return list(environment.glob("lib/python3.*/site-packages/pulumi_gcp"))


def installed(*_: object) -> str | None:
    """Whether the Pulumi program can be run."""
    return None if packages() else "pulumi_gcp is not installed"


def answers(*words: str) -> Look:
    """A command that ends well once its {names} are put in."""

    def look(runner: Runner, target: Target) -> str | None:
        answer = runner.ask(*(word.format(project=target.project) for word in words))
        return None if answer.ok else answer.trouble

    return look


def says(expected: str, otherwise: str, *words: str) -> Look:
    """A command that says just this."""

    def look(runner: Runner, target: Target) -> str | None:
        answer = runner.ask(*(word.format(project=target.project) for word in words))
        if not answer.ok:
            return answer.trouble
        return None if answer.out.strip() == expected else otherwise

    return look


def encryption(runner: Runner, target: Target) -> str | None:
    """Pulumi Cloud encrypts secrets by itself; elsewhere Pulumi needs a passphrase or a key service."""
    answer = runner.ask("pulumi", "whoami", "--verbose")
    if not answer.ok:
        return answer.trouble
    found = re.search(r"Backend URL: (\S+)", answer.out)
    if found is None or found[1].startswith(("https://", "http://")):
        return None
    file = target.env.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    if file:
        return None if Path(file).is_file() else f"PULUMI_CONFIG_PASSPHRASE_FILE: there is no {file}"
    if "PULUMI_CONFIG_PASSPHRASE" in target.env or _key_service(target.stack):
        return None
    return f"PULUMI_CONFIG_PASSPHRASE_FILE is not set, and the state is at {found[1]}"


def _key_service(name: str) -> bool:
    """Whether the stack was made with a key service, so that it takes no passphrase."""
    file = ROOT / PROGRAM / _manifest()["stackConfigDir"] / f"Pulumi.{name}.yaml"
    if not file.exists():
        return False
    provider = (yaml.safe_load(file.read_text()) or {}).get("secretsprovider", "passphrase")
    return bool(provider != "passphrase")


def same_project(_: Runner, target: Target) -> str | None:
    """A stack that is not there will do, but not one of another project: all in that would be taken away."""
    project = target.kept.get("gcp:project", target.project)
    return target.trouble or (None if project == target.project else f"it is of the project {project}")


def places(_: Runner, target: Target) -> str | None:
    """Whether everything goes where the stack has it."""
    moves = () if target.move else stack.moves(target)
    return "; ".join(moves) or None


def public(runner: Runner, target: Target) -> str | None:
    """Whether an organization lets everybody be a member: pages call functions without an account."""
    answer = runner.ask(
        "gcloud",
        "resource-manager",
        "org-policies",
        "describe",
        "iam.allowedPolicyMemberDomains",
        f"--project={target.project}",
        "--effective",
        "--format=json",
    )
    if not answer.ok:
        return answer.trouble
    try:
        policy: Mapping[str, Any] = json.loads(answer.out).get("listPolicy", {})
    except (ValueError, AttributeError):
        return f"gcloud says {answer.trouble}"
    refuses = "allowedValues" in policy or policy.get("allValues") == "DENY"
    return "iam.allowedPolicyMemberDomains refuses allUsers" if refuses else None


def web_app(runner: Runner, target: Target) -> str | None:
    """Whether the project has one: the page gets the key from it that people sign in with."""
    answer = runner.ask(
        "firebase", "apps:list", "WEB", f"--project={target.project}", "--json", "--non-interactive"
    )
    if not answer.ok:
        return answer.trouble
    try:
        apps = json.loads(answer.out)["result"]
    except (ValueError, TypeError, KeyError):
        return f"firebase says {answer.trouble}"
    return None if apps else "the project has none"


def account(runner: Runner, _: Target) -> str | None:
    """Whether gcloud knows who it works for."""
    answer = runner.ask("gcloud", "auth", "list", "--filter=status:ACTIVE", "--format=value(account)")
    return None if answer.ok and answer.out.strip() else "nobody is logged in"


def apis(runner: Runner, target: Target) -> str | None:
    """Whether the APIs are enabled that must be."""
    answer = runner.ask(
        "gcloud",
        "services",
        "list",
        "--enabled",
        f"--project={target.project}",
        "--format=value(config.name)",
    )
    if not answer.ok:
        return answer.trouble
    absent = sorted(set(APIS) - set(answer.out.split()))
    return f"not enabled: {', '.join(absent)}" if absent else None


def store_address(_: Runner, target: Target) -> str | None:
    """Whether there is one, and it is encrypted."""
    url = target.env.get("SURREALDB_URL", "")
    return None if url.startswith("wss://") else f"SURREALDB_URL is {url!r}, not a wss:// address"


def store_account(_: Runner, target: Target) -> str | None:
    """Whether somebody is to sign in to the store."""
    absent = [name for name in ("SURREALDB_USER", "SURREALDB_PASSWORD") if not target.env.get(name)]
    return f"{' and '.join(absent)} not set" if absent else None


def store(runner: Runner, target: Target) -> str | None:
    """A store without the schema, or with an older one, will do: the deployment brings it forward."""
    if target.store_elsewhere:
        return None
    answer = runner.ask(*STORE_CHECK, env=STORE_ENV)
    return None if answer.ok or ABSENT in answer.err or OLDER in answer.err else answer.trouble

"""The prerequisites of a proof: a project with nothing of Confab's in it, and no live site."""

from http import HTTPStatus

from infra.deploy import google_api, hosting
from infra.deploy.prerequisites import Prerequisite
from infra.deploy.project import ask
from infra.deploy.runner import Runner
from infra.deploy.target import Target
from infra.probes.probe import Failure

LISTS = (
    ("iam", "gcloud iam service-accounts list --filter=email~^confab- --format=value(email)"),
    ("run", "gcloud run services list --filter=metadata.name~^confab- --format=value(metadata.name)"),
    ("pubsub", "gcloud pubsub topics list --filter=name~/confab- --format=value(name)"),
    ("secretmanager", "gcloud secrets list --filter=name~confab- --format=value(name)"),
    ("artifactregistry", "gcloud artifacts repositories list --filter=name~/confab --format=value(name)"),
    ("compute", "gcloud compute disks list --filter=name~^confab- --format=value(name)"),
    ("compute", "gcloud compute networks list --filter=name~^confab- --format=value(name)"),
)
"""The APIs that have to be enabled for anything of Confab's to be there, and the commands that list it."""
_ENABLED = "gcloud services list --enabled --project={project} --format=value(config.name)"


def nothing_of_confab(runner: Runner, target: Target) -> str:
    """Neither the stack nor the project has anything of Confab's."""
    if target.kept:
        raise Failure(f"the stack {target.stack} has settings, so it may have resources")
    enabled = ask(runner, target, _ENABLED).split()
    for api, command in LISTS:
        if f"{api}.googleapis.com" in enabled:
            found = ask(runner, target, f"{command} --project={{project}} --quiet").split()
            if found:
                raise Failure(f"the project has {', '.join(found[:3])}")
    return "the project has none"


def no_live_site(runner: Runner, target: Target) -> str:
    """No Hosting site of the project serves anything."""
    url = f"{hosting.API}/projects/{target.project}/sites"
    status, body = google_api.call(runner, target, google_api.GCLOUD, url)
    if status != HTTPStatus.OK or not isinstance(body, dict):
        raise Failure(f"cannot list the Hosting sites: status {status}")
    names = [str(each["name"]).rpartition("/")[2] for each in body.get("sites", ())]
    for name in names:
        if hosting.require_free(runner, target, name).ours:
            raise Failure(f"{name} serves Confab")
    return ", ".join(names) or "no site"


EMPTY = (
    Prerequisite(
        "nothing of Confab's",
        nothing_of_confab,
        "take an empty project; or, after a proof that was broken off: make destroy PROJECT={project}"
        ' ARGS="--stack {stack}", and what it names',
        ("project", "APIs"),
    ),
    Prerequisite(
        "no live site", no_live_site, "take an empty project: this one has an app", ("APIs", "page's site")
    ),
)

"""The Hosting site, and which function each of its paths is rewritten to."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_gcp import firebase

from confab.http.routes import rewrites
from infra.gcp.names import service_of
from infra.gcp.project import Project


def hosting_rewrites(region: str) -> Sequence[Mapping[str, object]]:
    """The rewrites of firebase.json, in its form and order, to Cloud Run services.

    A release of the site holds pages and rewrites together, so whoever releases the pages
    releases these with them: they are an output of the stack.
    """
    return [
        {"source": path, "run": {"serviceId": service_of(function), "region": region}}
        for path, function in rewrites()
    ]


def make_site(project: Project, site_id: str) -> firebase.HostingSite:
    """The site; the project becomes a Firebase project if it was none. Firebase cannot be taken out again.

    A site that exists is taken as it is, and none is ever deleted: it may have been there before.
    """
    added = firebase.Project("firebase", firebase.ProjectArgs(project=project.id), project.ready)
    return firebase.HostingSite(
        "site",
        firebase.HostingSiteArgs(project=project.id, site_id=site_id, deletion_policy="ABANDON"),
        pulumi.ResourceOptions(depends_on=[added]),
    )

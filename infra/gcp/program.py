"""The deployment: every part, put together."""

from collections.abc import Mapping

import pulumi

from infra.gcp import settings as configuration
from infra.gcp.alerts import make_alerts
from infra.gcp.credentials import make_credentials
from infra.gcp.dashboard import make_dashboard
from infra.gcp.functions import make_functions
from infra.gcp.hosting import hosting_rewrites, make_site
from infra.gcp.identities import Grants
from infra.gcp.parts import Parts
from infra.gcp.project import REPOSITORY, make_project, number_of
from infra.gcp.realtime import make_cell
from infra.gcp.settings import Settings, SettingsError
from infra.gcp.signals import make_signals
from infra.gcp.source import make_source
from infra.gcp.topic import make_topics
from infra.gcp.variables import addresses, site_origins, variables


def main() -> None:
    """Make what the stack's configuration asks for, and tell where it is."""
    try:
        settings = configuration.load()
        number = number_of(settings.project)
        env = variables(settings, number)
    except SettingsError as error:
        raise pulumi.RunError(f"the stack's configuration: {error}") from None
    for name, value in deploy(settings, number, env).items():
        pulumi.export(name, value)


def deploy(settings: Settings, project_number: str, env: Mapping[str, str]) -> Mapping[str, object]:
    """Make everything; what is returned are the outputs of the stack."""
    project = make_project(settings, project_number)
    parts = Parts(
        project=project,
        grants=Grants(project),
        topics=make_topics(project, [cell.name for cell in settings.cells]),
        credentials=make_credentials(project),
        variables=env,
    )
    cells = [make_cell(parts, cell, settings.image) for cell in settings.cells]
    make_functions(parts, settings.functions, make_source(project), cells)
    make_site(project, settings.site_id)
    metrics = make_signals(project)
    make_alerts(project, list(metrics.values()), settings.alert_emails)
    make_dashboard(project, metrics)
    return {
        "webUrl": site_origins(settings)[0],
        "site": settings.site_id,
        "rewrites": hosting_rewrites(project.region),
        "realtimeUrls": list(addresses(settings, project.number).values()),
        "variables": dict(env),
        "repository": f"{project.region}-docker.pkg.dev/{project.id}/{REPOSITORY}",
    }

"""The deployment: every part, put together."""

from collections.abc import Mapping

import pulumi
from pulumi_gcp import organizations

from confab.http.routes import rewrites
from infra.gcp import settings as stack
from infra.gcp.alerts import make_alerts, make_channels
from infra.gcp.budget import make_budget
from infra.gcp.dashboard import make_dashboard
from infra.gcp.functions import Functions, hosting_rewrites
from infra.gcp.network import make_network
from infra.gcp.project import RELEASES, make_project, make_site
from infra.gcp.realtime import make_cell
from infra.gcp.retention import make_retention
from infra.gcp.settings import Settings, SettingsError
from infra.gcp.shared import make_shared
from infra.gcp.signals import make_signals
from infra.gcp.source import make_source
from infra.gcp.store import make_schema_job, make_store
from infra.gcp.variables import addresses, configuration, site_origins, variables


def main() -> None:
    """Make the resources of the stack's configuration, and export its outputs."""
    try:
        settings = stack.load()
        number = organizations.get_project(project_id=settings.project).number
        env = variables(settings, number)
    except SettingsError as error:
        raise pulumi.RunError(f"the stack's configuration: {error}") from None
    for name, value in deploy(settings, number, env).items():
        pulumi.export(name, value)


NOT_BUILT = "not-built"
"""Stands for an image before the first one is built. Cloud Run refuses it."""


def deploy(settings: Settings, project_number: str, env: Mapping[str, str]) -> Mapping[str, object]:
    """Make every resource; return the outputs of the stack."""
    project = make_project(settings, project_number)
    image = settings.image or NOT_BUILT
    network = None if settings.store_url else make_network(project)
    shared = make_shared(project, settings, env, network)
    machine = None
    if network:
        machine = make_store(shared, network, settings)
        make_schema_job(shared, network, image)
    cells = [make_cell(shared, cell, image) for cell in settings.cells]
    functions = Functions(shared, settings.functions, make_source(project), cells)
    public = functions.make_operations()
    if configuration(env).retention_days:
        make_retention(functions)
    if settings.page:
        make_site(project, settings.page)
    metrics = make_signals(project)
    channels = make_channels(project, settings.alert_emails)
    make_alerts(project, metrics, channels, machine)
    if settings.budget:
        make_budget(project, settings.budget, channels)
    make_dashboard(project, metrics)
    return {
        "webUrl": site_origins(settings)[0],
        "page": settings.page,
        "rewrites": hosting_rewrites(project.region),
        "functions": {path: public[function].service_config.uri for path, function in rewrites()},
        "realtimeUrls": list(addresses(settings, project.number).values()),
        "variables": dict(env),
        "repository": f"{project.region}-docker.pkg.dev/{project.id}/{RELEASES}",
    }

"""What is made; and that a part which is missing or wrong is seen."""

import pytest

from tests.infra import parts, upkeep
from tests.infra.deployment import BASE, FULL, deployed
from tests.infra.mutations import add, change, drop, hurry, rewrite, serve, shorten

READER, CELL = "confab-get-conversation", "confab-realtime-b"
ENV = "serviceConfig.environmentVariables"
CONTAINER = "template.containers.0"

MUTATIONS = {
    parts.every_operation_has_its_function: {
        "a missing function": drop("Function", "confab-finalize-conversation"),
        "a missing dispatcher": drop("Function", "confab-conversations"),
        "another operation's code": change("Function", READER, "buildConfig.entryPoint", "add_message"),
        "one request at a time": change("Function", READER, "serviceConfig.maxInstanceRequestConcurrency", 1),
        "a function that never sleeps": change("Function", READER, "serviceConfig.minInstanceCount", 1),
        "instances without bound": change("Function", READER, "serviceConfig.maxInstanceCount", 0),
        "another builder": change(
            "Function", READER, "buildConfig.serviceAccount", "confab-get-conversation"
        ),
        "images elsewhere": change("Function", READER, "buildConfig.dockerRepository", "gcr"),
        "stale bytecode": change("Function", READER, "buildConfig.environmentVariables", {}),
    },
    parts.hosting_rewrites_every_path: {
        "a missing rewrite": rewrite(lambda them: them.pop(1)),
        "another order": rewrite(lambda them: them.reverse()),
        "another function": rewrite(lambda them: them[0]["run"].update(serviceId="confab-conversations")),
        "a rewrite to another region": rewrite(lambda them: them[0]["run"].update(region="us-east1")),
        "no site": drop("HostingSite", "site"),
        "a site that is deleted": change("HostingSite", "site", "deletionPolicy", "DELETE"),
    },
    parts.every_cell_has_its_container: {
        "a missing cell": drop("Service", CELL),
        "sockets cut after a minute": change("Service", CELL, "template.timeout", "60s"),
        "polls that go anywhere": change("Service", CELL, "template.sessionAffinity", False),
        "more sockets than Cloud Run takes": change(
            "Service", CELL, "template.maxInstanceRequestConcurrency", 2000
        ),
        "no CPU between requests": change("Service", CELL, f"{CONTAINER}.resources.cpuIdle", True),
        "containers killed with the store": change(
            "Service", CELL, f"{CONTAINER}.livenessProbe.httpGet.path", "/readyz"
        ),
        "another image": change("Service", CELL, f"{CONTAINER}.image", "x:1"),
        "another topic": change("Topic", "confab-events", "name", "events"),
        "a cell without a topic": drop("Topic", "confab-events-b"),
    },
    parts.processes_agree_on_variables: {
        "an emulator": change("Function", READER, f"{ENV}.FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099"),
        "an unknown variable": change("Function", READER, f"{ENV}.CONFAB_X", "1"),
        "a missing variable": change("Function", READER, ENV, {}),
        "a value that stops the process": change("Function", READER, f"{ENV}.CONFAB_MAX_PAGE", "none"),
        "a limit of one's own": change("Function", READER, f"{ENV}.CONFAB_MAX_PAGE", "99"),
    },
    parts.cells_are_where_processes_are_told: {
        "main elsewhere": change("Function", READER, f"{ENV}.CONFAB_REALTIME_URLS", "https://x.example"),
        "a cell that a function is not told of": change(
            "Function", READER, f"{ENV}.CONFAB_CELLS", "b=https://b.example"
        ),
        "a cell elsewhere": change("Function", READER, f"{ENV}.CONFAB_CELLS", "b=https://x,c=https://y"),
        "new conversations in a full cell": change("Function", READER, f"{ENV}.CONFAB_NEW_CELLS", "c"),
        "a function of a cell": change("Function", READER, f"{ENV}.CONFAB_CELL", "b"),
        "a container of another cell": serve(CELL, "c"),
        "a container of no cell": serve(CELL, None),
    },
    parts.everything_is_ours_and_in_one_place: {
        "another region": change("Function", READER, "location", "us-east1"),
        "events kept elsewhere": change(
            "Topic", "confab-events", "messageStoragePolicy.allowedPersistenceRegions", ["us-east1"]
        ),
        "a secret kept elsewhere": change(
            "Secret", "confab-surrealdb-user", "replication.userManaged.replicas.0.location", "us-east1"
        ),
        "another project": change("Bucket", "source", "project", "other"),
        "a name that is not ours": change("Function", READER, "name", "get-conversation"),
        "an id that is too long": change("Account", READER, "accountId", "confab-" + "x" * 24),
    },
    parts.nothing_comes_before_what_it_needs: {
        "a function before it may read secrets": hurry("Function", READER, f"{READER}-SURREALDB_USER"),
        "a function before the builder may build": hurry("Function", READER, "confab-build-images"),
        "a container before it may subscribe": hurry("Service", CELL, f"{CELL}-confabSubscriptions"),
        "a topic before its API": hurry("Topic", "confab-events", "pubsub"),
    },
    upkeep.what_is_old_goes: {
        "images that all stay": change("Repository", "images", "cleanupPolicies", []),
        "sources that stay": change("Bucket", "source", "lifecycleRules", []),
        "a rollback without an image": change(
            "Repository", "images", "cleanupPolicies.1.mostRecentVersions.keepCount", 1
        ),
    },
    parts.every_api_is_enabled: {
        "one that is not": drop("Service", "pubsub"),
        "one that nothing needs": add("Service", "projects", service="compute.googleapis.com"),
    },
    upkeep.everything_is_watched: {
        "an uncounted signal": drop("Metric", "confab_sweep_repairs"),
        "a count of something else": change("Metric", "confab_unready", "filter", "severity>=INFO"),
        "an alert that keeps quiet": change(
            "AlertPolicy", "readiness", "conditions.0.conditionThreshold.thresholdValue", 5
        ),
        "a false alarm of a cell that sleeps": shorten("AlertPolicy", "unacknowledged", "conditions"),
        "no alert on errors": drop("AlertPolicy", "error-rate"),
        "no alert on readiness": drop("AlertPolicy", "readiness"),
        "no alert on the oldest event": drop("AlertPolicy", "unacknowledged"),
        "no alert on repairs": drop("AlertPolicy", "sweep-repairs"),
        "an alert that nobody hears": change("AlertPolicy", "readiness", "notificationChannels", []),
        "no dashboard": drop("Dashboard", "dashboard"),
    },
}


@pytest.mark.parametrize("settings", [BASE, FULL], ids=["smallest", "full"])
@pytest.mark.parametrize("check", MUTATIONS, ids=lambda check: check.__name__)
def test_in_a_deployment(check, settings):
    assert list(check(deployed(settings))) == []


@pytest.mark.parametrize(
    ("check", "mutate"),
    [
        pytest.param(check, mutate, id=name)
        for check, mutations in MUTATIONS.items()
        for name, mutate in mutations.items()
    ],
)
def test_it_is_seen(check, mutate):
    made = deployed(FULL)
    mutate(made)
    assert list(check(made))

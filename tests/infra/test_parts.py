"""What a deployment is made of: functions, containers, rewrites, variables, cells, and what watches them."""

import json

from confab import config
from confab.domain.cells import MAIN, topic_of
from confab.http.routes import DISPATCHER, functions, rewrites
from infra.gcp.names import realtime_of, service_of
from infra.gcp.signals import SIGNALS
from infra.gcp.variables import known
from tests.infra.deployment import Deployment
from tests.infra.mutations import add, assert_found, change, drop, found_by, hurry
from tests.infra.test_permissions import BUILD, GRANTS, who

APIS = {
    "artifactregistry": {"artifactregistry"},
    "cloudfunctionsv2": {"cloudbuild", "cloudfunctions", "run"},
    "cloudrunv2": {"run"},
    "firebase": {"firebase", "firebasehosting", "identitytoolkit"},
    "logging": {"logging"},
    "monitoring": {"monitoring"},
    "projects": {"cloudresourcemanager", "iam"},
    "pubsub": {"pubsub"},
    "secretmanager": {"secretmanager"},
    "serviceaccount": {"iam"},
    "storage": {"storage"},
}
"""The APIs that the resources of a module need."""
LINES = 'log_id("run.googleapis.com/stderr") AND jsonPayload.logger:*'
"""Every log-based metric counts Confab's own lines only."""


def variables(made: Deployment) -> dict[str, dict[str, str]]:
    """The plain variables of every process."""
    found = {
        function.name: dict(function.inputs["serviceConfig"]["environmentVariables"])
        for function in made.all("Function")
    }
    for service in made.containers():
        envs = service.inputs["template"]["containers"][0]["envs"]
        found[service.name] = {each["name"]: each["value"] for each in envs if "value" in each}
    return found


def test_every_operation_has_its_function(made):
    found = {each.name: each.inputs for each in made.all("Function")}
    assert found.keys() == {service_of(name) for name in functions()}
    builder = f"projects/{made.project}/serviceAccounts/{BUILD}@{made.project}.iam.gserviceaccount.com"
    for name in functions():
        inputs = found[service_of(name)]
        build, service = inputs["buildConfig"], inputs["serviceConfig"]
        assert (inputs["name"], build["entryPoint"]) == (service_of(name), name)
        assert (build["runtime"], build["serviceAccount"]) == ("python311", builder)
        assert build["dockerRepository"] == "id-of-images"
        assert (
            "SOURCE_DATE_EPOCH" in build["environmentVariables"]
        )  # bytecode is compiled once, not per start
        assert service["minInstanceCount"] == 0 < service["maxInstanceCount"]
        assert service["maxInstanceRequestConcurrency"] > 1


def test_hosting_rewrites_every_path(made):
    to = {"region": made.region}
    wanted = [{"source": source, "run": {"serviceId": service_of(name), **to}} for source, name in rewrites()]
    assert made.outputs["rewrites"] == wanted
    assert wanted[-1] == {"source": "/api/**", "run": {"serviceId": service_of(DISPATCHER), **to}}
    (site,) = made.all("HostingSite")
    assert site.inputs["siteId"] == made.outputs["site"]
    assert site.inputs.get("deletionPolicy") == "ABANDON"  # it may have been there before


def test_every_cell_has_its_container_and_topic(made):
    assert {each.name for each in made.containers()} == {realtime_of(cell) for cell in made.cells}
    assert {each.inputs["name"] for each in made.all("Topic")} == {topic_of(cell) for cell in made.cells}
    for service in made.containers():
        template = service.inputs["template"]
        (container,) = template["containers"]
        assert (template["timeout"], template["sessionAffinity"]) == ("3600s", True)
        assert 1 < template["maxInstanceRequestConcurrency"] <= 1000
        assert (container["resources"]["cpuIdle"], container["resources"]["startupCpuBoost"]) == (False, True)
        for probe in ("startupProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["path"] == "/healthz"
        assert container["image"] == made.settings["confab:image"]


def test_processes_agree_on_variables_that_they_know(made):
    for process, env in variables(made).items():
        assert [name for name in env if not known(name)] == []
        config.load(env | {"K_SERVICE": process, "SURREALDB_USER": "u", "SURREALDB_PASSWORD": "p"})
    everywhere = {tuple(sorted((env | {"CONFAB_CELL": ""}).items())) for env in variables(made).values()}
    assert len(everywhere) == 1


def test_every_process_knows_where_the_cells_are(made):
    containers = {realtime_of(cell): cell for cell in made.cells}
    for process, env in variables(made).items():
        assert env.get("CONFAB_CELL") == containers.get(process)
        further = dict(each.split("=") for each in env.get("CONFAB_CELLS", "").split(",") if each)
        urls = dict(zip(made.cells, made.outputs["realtimeUrls"], strict=True))
        assert {MAIN: env.get("CONFAB_REALTIME_URLS")} | further == urls
        assert env.get("CONFAB_NEW_CELLS") == ",".join(cell for cell, new in made.cells.items() if new)


def test_everything_is_ours_and_in_one_region(made):
    for resource in made.resources:
        inputs = resource.inputs
        assert inputs.get("project", made.project) == made.project, resource.name
        assert regions(inputs) <= {made.region}, resource.name
        if resource.type not in ("Metric", "BucketObject"):
            for key in {"name", "secretId", "accountId", "repositoryId"} & inputs.keys():
                assert inputs[key].startswith("confab"), resource.name
        assert len(inputs.get("accountId", "")) <= 30


def regions(inputs: object) -> set[str]:
    """Every region that the inputs of a resource name, however deep."""
    pairs = (
        inputs.items() if isinstance(inputs, dict) else enumerate(inputs if isinstance(inputs, list) else ())
    )
    found = set[str]()
    for key, value in pairs:
        if key in ("location", "region", "allowedPersistenceRegions"):
            found |= {value} if isinstance(value, str) else set(value)
        else:
            found |= regions(value)
    return found


def test_nothing_is_made_before_what_it_needs(made):
    after = {each.key: set(each.after) for each in made.resources}
    for resource in made.resources:
        earlier, found = set[str](), set(resource.after)
        while found - earlier:
            earlier |= found
            found = set().union(*(after.get(each, ()) for each in earlier))
        if resource.module != "projects":
            assert {f"Service/{api}" for api in APIS[resource.module]} <= earlier, resource.key
    for process in (*made.all("Function"), *made.containers()):
        runs_as = {process.name, BUILD} if process.type == "Function" else {process.name}
        granted = [each for each in made.resources if each.type.endswith(GRANTS)]
        assert {each.key for each in granted if who(made, each) in runs_as} <= set(process.after), process.key


def test_the_apis_that_something_needs_are_enabled_and_no_others(made):
    enabled = {each.inputs["service"] for each in made.all("Service") if each.module == "projects"}
    needed = set().union(*(APIS[resource.module] for resource in made.resources))
    assert enabled == {f"{api}.googleapis.com" for api in needed}


def test_every_signal_is_counted_alerted_on_and_charted(made):
    metrics = {metric.inputs["name"]: metric.inputs["filter"] for metric in made.all("Metric")}
    assert metrics == {name: signal.filter for name, signal in SIGNALS.items()}
    assert all(LINES in each for each in metrics.values())
    alerts = json.dumps([alert.inputs["conditions"] for alert in made.all("AlertPolicy")])
    (board,) = made.all("Dashboard")
    for metric in (
        *(f"logging.googleapis.com/user/{name}" for name in SIGNALS),
        "run.googleapis.com/request_count",
        "pubsub.googleapis.com/subscription/oldest_unacked_message_age",
    ):
        assert metric in alerts
        assert metric in board.inputs["dashboardJson"]


def test_alerts_notify_everybody_and_only_while_something_runs(made):
    prefix = f"projects/{made.project}/notificationChannels/"
    channels = [prefix + each.inputs["displayName"] for each in made.all("NotificationChannel")]
    assert all(alert.inputs["notificationChannels"] == channels for alert in made.all("AlertPolicy"))
    silent, awake = made.one("AlertPolicy", "unacknowledged").inputs["conditions"]
    assert silent["conditionThreshold"]["duration"] == awake["conditionThreshold"]["duration"] == "600s"
    readiness = made.one("AlertPolicy", "readiness").inputs["conditions"][0]["conditionThreshold"]
    assert (readiness["thresholdValue"], readiness["duration"]) == (0, "120s")


def test_old_images_and_build_sources_are_deleted_but_for_a_rollback(made):
    policies = made.one("Repository", "images").inputs["cleanupPolicies"]
    kept = [each["mostRecentVersions"] for each in policies if each["action"] == "KEEP"]
    counts = {tuple(each.get("packageNamePrefixes", ())): each["keepCount"] for each in kept}
    assert counts == {(): 2, ("realtime",): 10}
    assert [each["condition"] for each in policies if each["action"] == "DELETE"] == [
        {"olderThan": "604800s"}
    ]
    assert made.one("Bucket", "source").inputs["lifecycleRules"] == [
        {"action": {"type": "Delete"}, "condition": {"age": 1, "matchesPrefixes": ["realtime/"]}}
    ]


READER, CELL, ENV = "confab-get-conversation", "confab-realtime-b", "serviceConfig.environmentVariables"
CONTAINER, TOPIC, USER = "template.containers.0", "confab-events", "confab-surrealdb-user"

MUTATIONS = {
    test_every_operation_has_its_function: {
        "a missing function": drop("Function", "confab-finalize-conversation"),
        "another operation's code": change("Function", READER, "buildConfig.entryPoint", "add_message"),
        "one request at a time": change("Function", READER, "serviceConfig.maxInstanceRequestConcurrency", 1),
        "a function that never sleeps": change("Function", READER, "serviceConfig.minInstanceCount", 1),
        "instances without bound": change("Function", READER, "serviceConfig.maxInstanceCount", 0),
        "another builder": change("Function", READER, "buildConfig.serviceAccount", READER),
        "images elsewhere": change("Function", READER, "buildConfig.dockerRepository", "gcr"),
        "stale bytecode": change("Function", READER, "buildConfig.environmentVariables", {}),
    },
    test_hosting_rewrites_every_path: {
        "a missing rewrite": lambda made: made.outputs["rewrites"].pop(1),
        "another order": lambda made: made.outputs["rewrites"].reverse(),
        "another region": lambda made: made.outputs["rewrites"][0]["run"].update(region="us-east1"),
        "another site": change("HostingSite", "site", "siteId", "other"),
        "a site that is deleted": change("HostingSite", "site", "deletionPolicy", "DELETE"),
    },
    test_every_cell_has_its_container_and_topic: {
        "a missing cell": drop("Service", CELL),
        "sockets cut after a minute": change("Service", CELL, "template.timeout", "60s"),
        "polls that go anywhere": change("Service", CELL, "template.sessionAffinity", False),
        "too many sockets": change("Service", CELL, "template.maxInstanceRequestConcurrency", 2000),
        "no CPU between requests": change("Service", CELL, f"{CONTAINER}.resources.cpuIdle", True),
        "killed with the store": change(
            "Service", CELL, f"{CONTAINER}.livenessProbe.httpGet.path", "/readyz"
        ),
        "another image": change("Service", CELL, f"{CONTAINER}.image", "x:1"),
        "another topic": change("Topic", TOPIC, "name", "events"),
        "a cell without a topic": drop("Topic", "confab-events-b"),
    },
    test_processes_agree_on_variables_that_they_know: {
        "an emulator": change("Function", READER, f"{ENV}.FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099"),
        "an unknown variable": change("Function", READER, f"{ENV}.CONFAB_X", "1"),
        "a limit of one's own": change("Function", READER, f"{ENV}.CONFAB_MAX_PAGE", "99"),
    },
    test_every_process_knows_where_the_cells_are: {
        "main elsewhere": change("Function", READER, f"{ENV}.CONFAB_REALTIME_URLS", "https://x.example"),
        "an unknown cell": change("Function", READER, f"{ENV}.CONFAB_CELLS", "b=https://b.example"),
        "new conversations in a full cell": change("Function", READER, f"{ENV}.CONFAB_NEW_CELLS", "c"),
        "a function of a cell": change("Function", READER, f"{ENV}.CONFAB_CELL", "b"),
        "a container of no cell": change("Service", CELL, f"{CONTAINER}.envs", []),
    },
    test_everything_is_ours_and_in_one_region: {
        "another region": change("Function", READER, "location", "us-east1"),
        "events elsewhere": change(
            "Topic", TOPIC, "messageStoragePolicy.allowedPersistenceRegions", ["us-east1"]
        ),
        "a secret elsewhere": change(
            "Secret", USER, "replication.userManaged.replicas.0.location", "us-east1"
        ),
        "another project": change("Bucket", "source", "project", "other"),
        "a name that is not ours": change("Function", READER, "name", "get-conversation"),
        "an id that is too long": change("Account", READER, "accountId", "confab-" + "x" * 24),
    },
    test_nothing_is_made_before_what_it_needs: {
        "a function before its secrets": hurry("Function", READER, f"{READER}-SURREALDB_USER"),
        "a function before its builder": hurry("Function", READER, "confab-build-images"),
        "a container before it may subscribe": hurry("Service", CELL, f"{CELL}-confabSubscriptions"),
        "a topic before its API": hurry("Topic", TOPIC, "pubsub"),
    },
    test_the_apis_that_something_needs_are_enabled_and_no_others: {
        "one that is not": drop("Service", "pubsub"),
        "one that nothing needs": add("Service", "projects", service="compute.googleapis.com"),
    },
    test_every_signal_is_counted_alerted_on_and_charted: {
        "an uncounted signal": drop("Metric", "confab_sweep_repairs"),
        "a count of something else": change("Metric", "confab_unready", "filter", "severity>=INFO"),
        "no alert on errors": drop("AlertPolicy", "error-rate"),
        "no alert on repairs": drop("AlertPolicy", "sweep-repairs"),
        "an empty dashboard": change("Dashboard", "dashboard", "dashboardJson", "{}"),
    },
    test_alerts_notify_everybody_and_only_while_something_runs: {
        "an alert that notifies nobody": change("AlertPolicy", "defects", "notificationChannels", []),
        "an alert that keeps quiet": change(
            "AlertPolicy", "readiness", "conditions.0.conditionThreshold.thresholdValue", 5
        ),
        "an alert that waits for a minute only": change(
            "AlertPolicy", "unacknowledged", "conditions.1.conditionThreshold.duration", "60s"
        ),
    },
    test_old_images_and_build_sources_are_deleted_but_for_a_rollback: {
        "images that all stay": change("Repository", "images", "cleanupPolicies", []),
        "sources that stay": change("Bucket", "source", "lifecycleRules", []),
        "no rollback": change("Repository", "images", "cleanupPolicies.1.mostRecentVersions.keepCount", 1),
    },
}


@found_by(MUTATIONS)
def test_a_wrong_part_is_found(check, mutate):
    assert_found(check, mutate)

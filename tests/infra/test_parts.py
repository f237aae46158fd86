"""Functions, containers, rewrites, variables, cells and monitoring of a deployment."""

import json
import re

from confab import config
from confab.domain.cells import MAIN, topic_of
from confab.http.routes import EXPIRY, rewrites
from infra.gcp.names import realtime_of, service_of
from infra.gcp.retention import SCHEDULER
from infra.gcp.settings import EXPIRY_TIMEOUT_S, FUNCTION_TIMEOUT_S
from infra.gcp.signals import SIGNALS
from infra.gcp.variables import known
from tests.infra.deployment import INSTANCE_ID, PROJECT_NUMBER, Deployment
from tests.infra.test_permissions import BUILD, grants, who

APIS = {
    "artifactregistry": {"artifactregistry"},
    "billing": {"billingbudgets"},
    "cloudfunctionsv2": {"cloudbuild", "cloudfunctions", "run"},
    "cloudrunv2": {"run", "identitytoolkit"},  # the processes ask Firebase Auth who has signed out
    "cloudscheduler": {"cloudscheduler"},
    "compute": {"compute"},
    "firebase": {"firebase", "firebasehosting"},
    "logging": {"logging"},
    "monitoring": {"monitoring"},
    "projects": {"cloudresourcemanager", "iam"},
    "pubsub": {"pubsub"},
    "secretmanager": {"secretmanager"},
    "serviceaccount": {"iam"},
    "storage": {"storage"},
}
"""The APIs that a module's resources need."""
LINES = r'log_id\("run.googleapis.com/stderr"\) AND jsonPayload.logger=~"([^"]+)"'
"""The part of every log-based metric's filter that limits it to the lines of loggers."""


def variables(stack: Deployment) -> dict[str, dict[str, str]]:
    found = {
        function.name: dict(function.inputs["serviceConfig"]["environmentVariables"])
        for function in stack.all("Function")
    }
    for service in stack.containers():
        envs = service.inputs["template"]["containers"][0]["envs"]
        found[service.name] = {each["name"]: each["value"] for each in envs if "value" in each}
    return found


def test_every_operation_has_its_function(stack):
    found = {each.name: each.inputs for each in stack.all("Function")}
    assert found.keys() == {service_of(name) for name in stack.functions}
    builder = f"projects/{stack.project}/serviceAccounts/{BUILD}@{stack.project}.iam.gserviceaccount.com"
    for name in stack.functions:
        inputs = found[service_of(name)]
        build, service = inputs["buildConfig"], inputs["serviceConfig"]
        assert (inputs["name"], build["entryPoint"]) == (service_of(name), name)
        assert (build["runtime"], build["serviceAccount"]) == ("python311", builder)
        assert build["dockerRepository"] == "id-of-images"
        assert "SOURCE_DATE_EPOCH" in build["environmentVariables"]  # else each start compiles again
        assert service["timeoutSeconds"] == (EXPIRY_TIMEOUT_S if name == EXPIRY else FUNCTION_TIMEOUT_S)
        assert service["minInstanceCount"] == 0 < service["maxInstanceCount"]
        assert service["maxInstanceRequestConcurrency"] > 1


def test_cloud_scheduler_expires_conversations_daily_if_there_is_a_retention(stack):
    url = f"https://{service_of(EXPIRY)}.run.app"
    account = f"{SCHEDULER}@{stack.project}.iam.gserviceaccount.com"
    found = [
        (job.inputs["schedule"], job.inputs["attemptDeadline"], job.inputs["httpTarget"])
        for job in stack.all("Job")
        if job.module == "cloudscheduler"
    ]
    token = {"serviceAccountEmail": account, "audience": url}
    wanted = ("0 3 * * *", f"{EXPIRY_TIMEOUT_S}s", {"httpMethod": "POST", "uri": url, "oidcToken": token})
    assert found == ([wanted] if EXPIRY in stack.functions else [])


def test_hosting_rewrites_every_path(stack):
    to = {"region": stack.region}
    wanted = [{"source": source, "run": {"serviceId": service_of(name), **to}} for source, name in rewrites()]
    assert stack.outputs["rewrites"] == wanted
    assert wanted[-1] == {"source": "/api/**", "run": {"serviceId": service_of("conversations"), **to}}
    assert stack.outputs["functions"] == {
        source: f"https://{service_of(name)}.run.app" for source, name in rewrites()
    }


def test_no_hosting_site_is_touched_but_the_pages(stack):
    page = stack.settings.get("confab:page")
    assert [site.inputs["siteId"] for site in stack.all("HostingSite")] == [page] * bool(page)
    assert {site.inputs["deletionPolicy"] for site in stack.all("HostingSite")} <= {"ABANDON"}
    assert (stack.outputs["page"], len(stack.all("Project"))) == (page, bool(page))


def test_every_cell_has_its_container_and_topic(stack):
    assert {each.name for each in stack.containers()} == {realtime_of(cell) for cell in stack.cells}
    assert {each.inputs["name"] for each in stack.all("Topic")} == {topic_of(cell) for cell in stack.cells}
    for service in stack.containers():
        template = service.inputs["template"]
        (container,) = template["containers"]
        assert (template["timeout"], template["sessionAffinity"]) == ("3600s", True)
        assert 1 < template["maxInstanceRequestConcurrency"] <= 1000
        assert (container["resources"]["cpuIdle"], container["resources"]["startupCpuBoost"]) == (False, True)
        for probe in ("startupProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["path"] == "/healthz"
        assert container["image"] == stack.settings["confab:image"]


def test_all_processes_have_the_same_known_variables_but_for_their_cell(stack):
    found = variables(stack)
    own = {realtime_of(cell): cell for cell in stack.cells}
    assert {name: env.pop("CONFAB_CELL", None) for name, env in found.items()} == dict.fromkeys(found) | own
    users = {name: env.pop("SURREALDB_USER") for name, env in found.items()}
    assert {*users.values()} == {"confab_viewer", "confab_editor"}
    env, *others = found.values()
    assert all(other == env for other in others)
    assert [name for name in env if not known(name)] == []
    config.load(env | {"K_SERVICE": "confab", "SURREALDB_USER": "u", "SURREALDB_PASSWORD": "p"})
    urls = dict(zip(stack.cells, stack.outputs["realtimeUrls"], strict=True))
    assert env["CONFAB_REALTIME_URLS"] == urls.pop(MAIN)
    assert env.get("CONFAB_CELLS", "") == ",".join(f"{cell}={url}" for cell, url in urls.items())
    assert env["CONFAB_NEW_CELLS"] == ",".join(cell for cell, new in stack.cells.items() if new)


def test_resources_have_our_prefix_project_and_region(stack):
    for resource in stack.resources:
        inputs = resource.inputs
        assert inputs.get("project", stack.project) == stack.project, resource.name
        assert regions(inputs) <= {stack.region}, resource.name
        if resource.type not in ("Metric", "BucketObject"):
            for key in {"name", "secretId", "accountId", "repositoryId"} & inputs.keys():
                assert inputs[key].startswith("confab"), resource.name
        assert len(inputs.get("accountId", "")) <= 30


def regions(inputs: object) -> set[str]:
    if isinstance(inputs, list):
        return set().union(*map(regions, inputs))
    found = set[str]()
    for key, value in inputs.items() if isinstance(inputs, dict) else ():
        named = key in ("location", "region", "allowedPersistenceRegions")
        found |= ({value} if isinstance(value, str) else set(value)) if named else regions(value)
    return found


def test_resources_depend_on_their_apis_grants_and_cells(stack):
    after = {each.key: set(each.after) for each in stack.resources}
    for resource in stack.resources:
        earlier, found = set[str](), set(resource.after)
        while found - earlier:
            earlier |= found
            found = set().union(*(after.get(each, ()) for each in earlier))
        if resource.module != "projects":
            assert {f"Service/{api}" for api in APIS[resource.module]} <= earlier, resource.key
    for process in (*stack.all("Function"), *stack.containers()):
        runs_as = {process.name, BUILD} if process.type == "Function" else {process.name}
        needed = {grant.key for grant in grants(stack) if who(stack, grant) in runs_as}
        if process.type == "Function":  # it returns the cells' addresses
            needed |= {f"Service/{realtime_of(cell)}" for cell in stack.cells}
        assert needed <= set(process.after), process.key


def test_exactly_the_needed_apis_are_enabled(stack):
    enabled = {each.inputs["service"] for each in stack.all("Service") if each.module == "projects"}
    needed = set().union(*(APIS[resource.module] for resource in stack.resources))
    assert enabled == {f"{api}.googleapis.com" for api in needed}


def test_every_signal_has_a_metric_an_alert_and_a_chart(stack):
    metrics = {metric.inputs["name"]: metric.inputs["filter"] for metric in stack.all("Metric")}
    assert metrics == {name: signal.filter for name, signal in SIGNALS.items()}
    (loggers,) = {"".join(re.findall(LINES, each)) for each in metrics.values()}
    names = ("confab", "confab.http.edge", "confabulation", "aiohttp.server", "asyncio")
    assert [name for name in names if re.search(loggers, name)] == ["confab", "confab.http.edge"]
    alerts = json.dumps([alert.inputs["conditions"] for alert in stack.all("AlertPolicy")])
    (board,) = stack.all("Dashboard")
    for domain, path in (
        *(("logging", f"user/{name}{signal.suffix}") for name, signal in SIGNALS.items()),
        ("run", "request_count"),
        ("pubsub", "subscription/oldest_unacked_message_age"),
    ):
        selector = f"{domain}_googleapis_com:{path.replace('/', '_')}{{"
        assert selector in alerts
        assert selector in board.inputs["dashboardJson"]


def test_surges_add_up_what_sampled_lines_stand_for_by_the_codes_of_the_errors(stack):
    metric = stack.one("Metric/confab_refusals").inputs
    assert metric["metricDescriptor"]["valueType"] == "DISTRIBUTION"
    assert metric["valueExtractor"] == "EXTRACT(jsonPayload.times)"
    assert metric["labelExtractors"]["code"] == "EXTRACT(jsonPayload.code)"
    assert 'jsonPayload.code=~"."' in metric["filter"]  # a request that succeeded has none
    query = str(stack.one("AlertPolicy/degraded").inputs["conditions"])
    codes = re.findall(
        r'user_confab_refusals_sum{monitored_resource="cloud_run_revision",code=~"(.+?)"}', query
    )
    assert codes == ["unauthenticated|token_expired|token_revoked", "forbidden", "rate_limited"]


def test_a_budget_of_the_project_notifies_the_same_addresses_where_it_is_wanted(stack):
    budgets = [each.inputs for each in stack.all("Budget")]
    assert len(budgets) == ("confab:budget" in stack.settings)
    for budget in budgets:
        assert budget["budgetFilter"]["projects"] == [f"projects/{PROJECT_NUMBER}"]
        assert budget["amount"] == {"specifiedAmount": {"units": "50"}}
        channels = stack.one("AlertPolicy/failing").inputs["notificationChannels"]
        assert budget["allUpdatesRule"]["monitoringNotificationChannels"] == channels


def test_alerts_notify_every_address_in_two_conditions(stack):
    prefix = f"projects/{stack.project}/notificationChannels/"
    channels = [prefix + each.inputs["displayName"] for each in stack.all("NotificationChannel")]
    assert len(channels) == len(json.loads(stack.settings.get("confab:alertEmails", "[]")))
    found = {}
    for alert in stack.all("AlertPolicy"):
        assert alert.inputs["notificationChannels"] == channels
        (condition,) = alert.inputs["conditions"]
        query = condition["conditionPrometheusQueryLanguage"]
        signals = re.findall(r'label_replace\((.+?), "alert", "([\w-]+)", "", ""\)(?: or |$)', query["query"])
        for comparisons, signal in signals:
            limits = re.findall(r" > ([\d.]+)(?: and |$)", comparisons)
            found[signal] = (alert.name, query["duration"], [float(limit) for limit in limits])
            assert f"- **{signal}**: " in alert.inputs["documentation"]["content"]
        assert query["disableMetricValidation"]  # else a new project's first deployment fails
    machine = {"store-disk": ("degraded", "600s", [0.8])} if stack.all("Instance") else {}
    assert found == machine | {
        "error-rate": ("failing", "120s", [0.01]),
        "defects": ("failing", "120s", [0]),
        "readiness": ("failing", "120s", [2]),
        "sweep-failures": ("failing", "120s", [5]),
        "unacknowledged": ("degraded", "600s", [60, 0]),
        "sweep-repairs": ("degraded", "600s", [10]),
        "surge-401": ("degraded", "600s", [1000]),
        "surge-403": ("degraded", "600s", [1000]),
        "surge-429": ("degraded", "600s", [1000]),
        "surge-revocations": ("degraded", "600s", [50]),
    }
    assert (f'instance_id="{INSTANCE_ID}"' in str(stack.all("AlertPolicy"))) == bool(machine)


def test_cleanup_keeps_images_for_a_rollback(stack):
    policies = stack.one("Repository/images").inputs["cleanupPolicies"]
    kept = [each["mostRecentVersions"] for each in policies if each["action"] == "KEEP"]
    assert kept == [{"keepCount": 2}]
    (deletion,) = (each["condition"] for each in policies if each["action"] == "DELETE")
    assert deletion == {"olderThan": "604800s"}
    releases = stack.one("Repository/releases").inputs
    assert releases["dockerConfig"] == {"immutableTags": True}
    assert "cleanupPolicies" not in releases
    (sources,) = stack.one("Bucket/source").inputs["lifecycleRules"]
    assert sources["condition"] == {"age": 1, "matchesPrefixes": ["realtime/"]}

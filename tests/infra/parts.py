"""What a deployment is made of: checks that return what is wrong, as lines of text."""

import json
import re
from collections.abc import Iterator
from typing import Any

from confab import config
from confab.domain.cells import MAIN, topic_of
from confab.http.routes import DISPATCHER, functions, rewrites
from infra.gcp.names import realtime_of, service_of
from infra.gcp.variables import known
from tests.infra.deployment import Deployment
from tests.infra.permissions import BUILD, GRANTS, who

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


def every_operation_has_its_function(made: Deployment) -> Iterator[str]:
    """One function for each of the route table, built from its own entry point, sleeping when idle."""
    found = {each.name: each.inputs for each in made.all("Function")}
    if found.keys() != (wanted := {service_of(name) for name in functions()}):
        yield f"functions: {sorted(found.keys() ^ wanted)}"
    for name in functions():
        inputs = found.get(service_of(name))
        if inputs is None:
            continue
        build, service = inputs["buildConfig"], inputs["serviceConfig"]
        if (inputs["name"], build["entryPoint"], build["runtime"]) != (service_of(name), name, "python311"):
            yield f"{name}: {inputs['name']}, {build['entryPoint']}, {build['runtime']}"
        if build["serviceAccount"] != f"projects/{made.project}/serviceAccounts/{builder(made)}":
            yield f"{name}: is built by {build['serviceAccount']}"
        if build["dockerRepository"] != "id-of-images":
            yield f"{name}: its image is in {build['dockerRepository']}"
        if "SOURCE_DATE_EPOCH" not in build["environmentVariables"]:
            yield f"{name}: its bytecode is compiled at every start"
        if service["minInstanceCount"] != 0 or service["maxInstanceRequestConcurrency"] <= 1:
            yield f"{name}: costs when idle, or serves one request at a time"
        if not re.fullmatch(r"\d+Mi|\d+Gi", service["availableMemory"]) or not service["maxInstanceCount"]:
            yield f"{name}: memory or instances are not bounded"


def builder(made: Deployment) -> str:
    """The account that builds."""
    return f"{BUILD}@{made.project}.iam.gserviceaccount.com"


def hosting_rewrites_every_path(made: Deployment) -> Iterator[str]:
    """The same paths in the same order as the route table, each to its function, and a site."""
    wanted = [
        {"source": source, "run": {"serviceId": service_of(name), "region": made.region}}
        for source, name in rewrites()
    ]
    if made.outputs["rewrites"] != wanted:
        yield f"rewrites: {made.outputs['rewrites']}"
    if wanted[-1] != {
        "source": "/api/**",
        "run": {"serviceId": service_of(DISPATCHER), "region": made.region},
    }:
        yield "the dispatcher does not take the rest"
    sites = [site.inputs["siteId"] for site in made.all("HostingSite")]
    if sites != [made.outputs["site"]]:
        yield f"sites: {sites}"
    for site in made.all("HostingSite"):
        if site.inputs.get("deletionPolicy") != "ABANDON":
            yield f"{site.name}: is deleted with the deployment, and may have been there before it"


def every_cell_has_its_container(made: Deployment) -> Iterator[str]:
    """Sockets last as long as Cloud Run lets them, on instances that work between requests."""
    found = {each.name: each.inputs for each in made.all("Service") if each.module == "cloudrunv2"}
    if found.keys() != (wanted := {realtime_of(cell) for cell in made.cells}):
        yield f"cells: {sorted(found.keys() ^ wanted)}"
    for name, inputs in found.items():
        template = inputs["template"]
        (container,) = template["containers"]
        promised = {
            "timeout": template["timeout"] == "3600s",
            "affinity": template["sessionAffinity"] is True,
            "concurrency": 1 < template["maxInstanceRequestConcurrency"] <= 1000,
            "generation": template["executionEnvironment"] == "EXECUTION_ENVIRONMENT_GEN2",
            "billing": container["resources"]["cpuIdle"] is False,
            "boost": container["resources"]["startupCpuBoost"] is True,
            "startup": container["startupProbe"]["httpGet"]["path"] == "/healthz",
            "liveness": container["livenessProbe"]["httpGet"]["path"] == "/healthz",
            "image": container["image"] == made.settings["confab:image"],
            "scaling": 0
            <= template["scaling"]["minInstanceCount"]
            <= template["scaling"]["maxInstanceCount"],
        }
        yield from (f"{name}: {what}" for what, kept in promised.items() if not kept)
    topics = sorted(topic.inputs["name"] for topic in made.all("Topic"))
    if topics != sorted(map(topic_of, made.cells)):
        yield f"topics: {topics}"


def plain_variables(made: Deployment) -> dict[str, dict[str, str]]:
    """The variables that every process gets, without the secret ones."""
    found = {
        function.name: dict(function.inputs["serviceConfig"]["environmentVariables"])
        for function in made.all("Function")
    }
    for service in made.all("Service"):
        if service.module == "cloudrunv2":
            envs = service.inputs["template"]["containers"][0]["envs"]
            found[service.name] = {each["name"]: each["value"] for each in envs if "value" in each}
    return found


def processes_agree_on_variables(made: Deployment) -> Iterator[str]:
    """Every variable is one that Confab reads, and a process starts with them."""
    every = plain_variables(made)
    for process, env in every.items():
        yield from (f"{process}: {name}" for name in env if not known(name))
        try:
            config.load(env | {"K_SERVICE": process, "SURREALDB_USER": "u", "SURREALDB_PASSWORD": "p"})
        except config.ConfigError as error:
            yield f"{process}: {error}"
    if len({json.dumps(env | {"CONFAB_CELL": ""}, sort_keys=True) for env in every.values()}) != 1:
        yield "processes have different variables"


def cells_are_where_processes_are_told(made: Deployment) -> Iterator[str]:
    """Every process knows all cells and where they are; a container also, which one it is."""
    every = plain_variables(made)
    of = {realtime_of(cell): cell for cell in made.cells}
    wanted = dict(zip(made.cells, made.outputs["realtimeUrls"], strict=True))
    for process, env in every.items():
        if env.get("CONFAB_CELL") != of.get(process):
            yield f"{process}: is of the cell {env.get('CONFAB_CELL')}"
        told = dict(each.split("=") for each in env.get("CONFAB_CELLS", "").split(",") if each)
        if {MAIN: env.get("CONFAB_REALTIME_URLS")} | told != wanted:
            yield f"{process}: the cells are not at {wanted}"
        if env.get("CONFAB_NEW_CELLS") != ",".join(made.open_cells):
            yield f"{process}: new conversations go to {env.get('CONFAB_NEW_CELLS')}"


def everything_is_ours_and_in_one_place(made: Deployment) -> Iterator[str]:
    """The project and the region are the configured ones, and names begin with ours."""
    for resource in made.resources:
        inputs = resource.inputs
        if inputs.get("project", made.project) != made.project:
            yield f"{resource.name}: project {inputs['project']}"
        yield from (f"{resource.name}: {place}" for place in places(inputs) if place != made.region)
        named = next(
            (inputs[key] for key in ("name", "secretId", "accountId", "repositoryId") if key in inputs), ""
        )
        if resource.type not in ("Metric", "BucketObject") and named and not named.startswith("confab"):
            yield f"{resource.name}: is called {named}"
        if len(inputs.get("accountId", "")) > 30:
            yield f"{resource.name}: its account's id is too long"


def places(inputs: Any) -> Iterator[str]:
    """Every region that the inputs of a resource name, however deep."""
    for key, value in inputs.items() if isinstance(inputs, dict) else enumerate(inputs):
        if key in ("location", "region", "allowedPersistenceRegions"):
            yield from [value] if isinstance(value, str) else value
        elif isinstance(value, dict | list):
            yield from places(value)


def nothing_comes_before_what_it_needs(made: Deployment) -> Iterator[str]:
    """APIs before what they make; what an account may do before what runs as it."""
    after = {each.thing: set(each.after) for each in made.resources}
    for resource in made.resources:
        behind, before = set[str](), set(resource.after)
        while before - behind:
            behind |= before
            before = set().union(*(after.get(each, ()) for each in behind))
        apis = {f"Service/{api}" for api in APIS[resource.module]} if resource.module != "projects" else set()
        if missing := apis - behind:
            yield f"{resource.thing}: not after {sorted(missing)}"
    for process in (
        *made.all("Function"),
        *(one for one in made.all("Service") if one.module == "cloudrunv2"),
    ):
        runs_as = {process.name, BUILD} if process.type == "Function" else {process.name}
        needed = {
            each.thing for each in made.resources if each.type.endswith(GRANTS) and who(made, each) in runs_as
        }
        if missing := needed - set(process.after):
            yield f"{process.thing}: not after {sorted(missing)}"


def every_api_is_enabled(made: Deployment) -> Iterator[str]:
    """What each resource needs, and nothing that none needs."""
    enabled = {
        each.inputs["service"].removesuffix(".googleapis.com")
        for each in made.all("Service")
        if each.module == "projects"
    }
    needed = set().union(*(APIS[resource.module] for resource in made.resources))
    if enabled != needed:
        yield f"APIs: {sorted(enabled ^ needed)}"

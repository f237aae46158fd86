"""The second edge: an API Gateway that checks tokens and routes by method."""

import base64
import json
from collections.abc import Mapping

import pulumi
from pulumi_gcp import apigateway, cloudfunctionsv2

from confab.operations import routes as route_table
from infra.gcp.gateway_document import gateway_document, serving
from infra.gcp.identities import allow_calls
from infra.gcp.names import PREFIX, service_of, url_of
from infra.gcp.parts import Parts
from infra.gcp.project import Project

NAME = f"{PREFIX}gateway"


def make_gateway(parts: Parts, functions: Mapping[str, cloudfunctionsv2.Function]) -> apigateway.Gateway:
    """The gateway. It calls functions under an identity of its own, so they may be private."""
    project = parts.project
    identity = parts.grants.identity(NAME, "Confab API gateway")
    for name in sorted(
        {name for route in route_table.ROUTES for name in (route.operation, serving(route.path))}
    ):
        allow_calls(project, service_of(name), functions[name].name, "gateway", identity.member)
    api = apigateway.Api(NAME, apigateway.ApiArgs(project=project.id, api_id=NAME), project.ready)
    config = apigateway.ApiConfig(
        NAME,
        apigateway.ApiConfigArgs(
            project=project.id,
            api=api.api_id,
            api_config_id_prefix=f"{NAME}-",  # a config cannot be changed, only replaced
            gateway_config=apigateway.ApiConfigGatewayConfigArgs(
                backend_config=apigateway.ApiConfigGatewayConfigBackendConfigArgs(
                    google_service_account=identity.account.email
                )
            ),
            openapi_documents=[
                apigateway.ApiConfigOpenapiDocumentArgs(
                    document=apigateway.ApiConfigOpenapiDocumentDocumentArgs(
                        path="openapi.json", contents=_contents(project)
                    )
                )
            ],
        ),
        pulumi.ResourceOptions(depends_on=list(functions.values())),
    )
    return apigateway.Gateway(
        NAME,
        apigateway.GatewayArgs(
            project=project.id, region=project.region, gateway_id=NAME, api_config=config.id
        ),
    )


def _contents(project: Project) -> str:
    addresses = {
        name: url_of(service_of(name), project.number, project.region) for name in route_table.functions()
    }
    return base64.b64encode(json.dumps(gateway_document(project.id, addresses)).encode()).decode()

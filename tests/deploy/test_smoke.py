"""Whether a wrong answer of what was deployed is seen."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from confab.http.routes import ROUTES
from infra.deploy import smoke
from infra.deploy.stack import Outputs
from tests.deploy.fakes import Cloud


def of(cloud: Cloud) -> Outputs:
    said = cloud.outputs()
    return Outputs(said["webUrl"], said["site"], said["rewrites"], said["realtimeUrls"])


SPOILED = {
    "an operation": ({"problem": "not_found"}, len(ROUTES)),
    "a socket": ({"refusal": '44{"data":{"code":"unavailable"}}'}, 1),
    "no web app": ({"web_app": {}}, 2),
    "no sign-in": ({"stranger": "CONFIGURATION_NOT_FOUND"}, 1),
    "no password": ({"stranger": "PASSWORD_LOGIN_DISABLED"}, 1),
    "a container": ({"missing": ["store"]}, 1),
    "everything": ({"url": "http://127.0.0.1:1", "realtime": "http://127.0.0.1:1"}, len(ROUTES) + 5),
}


@pytest.fixture
def auth(cloud: Cloud) -> Iterator[None]:
    with patch.object(smoke, "SIGN_IN", cloud.url):
        yield


@pytest.mark.parametrize(("spoiled", "lines"), SPOILED.values(), ids=SPOILED)
def test_a_deployment_that_does_not_answer_rightly_has_failed(cloud, auth, spoiled, lines, capfd):
    assert smoke.smoke(of(cloud), patience_s=0)
    for name, value in spoiled.items():
        setattr(cloud, name, value)
    assert not smoke.smoke(of(cloud), patience_s=0)
    wrong = [line for line in capfd.readouterr().out.splitlines() if line.startswith("WRONG")]
    assert len(wrong) == lines

import pytest

from tests.infra.deployment import BASE, FULL, Deployment, deployed


@pytest.fixture(params=[BASE, FULL], ids=["smallest", "full"])
def stack(request: pytest.FixtureRequest) -> Deployment:
    """The deployments of the smallest configuration, and of one that uses every setting."""
    return deployed(request.param)

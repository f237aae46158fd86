import pytest

from tests.infra.deployment import BASE, FULL, Deployment, deployed


@pytest.fixture(params=[BASE, FULL], ids=["smallest", "full"])
def made(request: pytest.FixtureRequest) -> Deployment:
    """What the program makes of the least configuration, and of one that uses every setting."""
    return deployed(request.param)

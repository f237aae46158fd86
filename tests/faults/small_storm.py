"""A small storm in this process, over rooms that a test may sabotage: bad weather, and nothing else."""

import asyncio
import json
from base64 import urlsafe_b64decode
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

from confab import config
from confab.domain.models import Principal
from confab.realtime.container import Container
from confab.wiring import Adapters
from infra.local.pubsub_emulator.server import serving
from tests.faults.storm.bus import BusProxy, Weather
from tests.faults.storm.campaign import Campaign
from tests.faults.storm.options import Options
from tests.faults.storm.record import Recording
from tests.faults.storm.rest import Rest
from tests.faults.storm.stack import FUNCTIONS
from tests.support.adapters import NamedUsers
from tests.support.api import transport
from tests.support.samples import principal
from tests.support.surrealdb import PASSWORD, USER, surreal_server, surreal_store
from tests.support.users import PROJECT

OPTIONS = Options(
    seed=7,
    seconds=2.5,
    users=3,
    clients=12,
    conversations=3,
    followed_by=6,
    writers=10,
    closings_per_minute=30,
    catch_up_s=2,
)


async def small_storm(folder: Path, weather: Weather) -> Recording:
    """What is recorded of OPTIONS in this weather."""
    recording = Recording()
    async with AsyncExitStack() as ends:
        server = await ends.enter_async_context(surreal_server(folder / "store"))
        bus = await ends.enter_async_context(serving("127.0.0.1", 0))
        proxy = BusProxy(f"127.0.0.1:{bus}", OPTIONS.seed)
        proxy.weather = weather
        env = {
            "SURREALDB_URL": server.url,
            "SURREALDB_USER": USER,
            "SURREALDB_PASSWORD": PASSWORD,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": await ends.enter_async_context(proxy.serving()),
            "CONFAB_MAX_SOCKETS_PER_USER": "0",
            "CONFAB_MESSAGES_PER_10S": "0",
        }
        ports = [await ends.enter_async_context(_instance(env)) for _ in range(2)]
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        functions = _adapters(env)
        ends.push_async_callback(functions.close)
        rest = await ends.enter_async_context(
            Rest.over(dict.fromkeys(FUNCTIONS, "http://functions"), transport(functions))
        )
        campaign = await ends.enter_async_context(Campaign.ready(OPTIONS, urls, rest, recording))
        await campaign.run(asyncio.sleep(0))
        store = surreal_store(server)
        ends.push_async_callback(store.close)
        await campaign.catch_up(store)
        await campaign.read_logs(store)
    return recording


class _Users(NamedUsers):
    """Implements `TokenVerifier`: believes every token."""

    async def verify(self, token: str) -> Principal:
        claims = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
        return principal(claims["sub"]).model_copy(
            update={"expires_at": datetime.fromtimestamp(claims["exp"], UTC)}
        )


def _adapters(env: dict[str, str], *, background: bool = False) -> Adapters:
    adapters = Adapters(config.load(env), background=background)
    adapters.verifier = _Users()
    return adapters


def _instance(env: dict[str, str]) -> AbstractAsyncContextManager[int]:
    return Container(_adapters(env, background=True)).serving("127.0.0.1", 0)

"""A sample of `make fuzz`."""

from tests.fuzz.run import fuzz


async def test_strangers_harm_neither_the_containers_nor_a_pair_beside_them(tmp_path):
    failures = await fuzz(7, 20.0, tmp_path, print)
    assert not failures, "\n".join(failures)

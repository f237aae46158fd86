"""A program that is spoiled itself, and not only what it made, is seen."""

import pytest

from tests.infra import parts, permissions, upkeep
from tests.infra.deployment import FULL, deployed

SEEN_BY = {
    "a wider role of our own": permissions.only_known_roles_are_granted,
    "a publisher on every topic": permissions.only_writers_publish,
    "readers that publish": permissions.only_writers_publish,
    "a builder of every bucket": permissions.only_processes_read_what_is_theirs,
    "nobody who looks up users": permissions.only_processes_read_what_is_theirs,
    "everything public": permissions.only_entry_points_are_public,
    "a function that is not made": parts.every_operation_has_its_function,
    "a rewrite that is not made": parts.hosting_rewrites_every_path,
    "functions that wait for nothing": parts.nothing_comes_before_what_it_needs,
    "containers that wait for nothing": parts.nothing_comes_before_what_it_needs,
    "things that do not wait for APIs": parts.nothing_comes_before_what_it_needs,
    "events kept anywhere": parts.everything_is_ours_and_in_one_place,
    "secrets kept anywhere": parts.everything_is_ours_and_in_one_place,
    "secrets that go with the deployment": permissions.every_secret_is_a_secret,
    "an alert that keeps quiet": upkeep.everything_is_watched,
    "other people's lines": upkeep.everything_is_watched,
}


@pytest.mark.parametrize(("spoiled", "check"), SEEN_BY.items(), ids=SEEN_BY)
def test_it_is_seen(spoiled, check):
    assert list(check(deployed(FULL))) == []
    assert list(check(deployed(FULL, spoiled)))

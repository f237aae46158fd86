"""The topics of events, one for each cell."""

from collections.abc import Mapping, Sequence

from pulumi_gcp import pubsub

from confab.domain.cells import topic_of
from infra.gcp.project import Project


def make_topics(project: Project, cells: Sequence[str]) -> Mapping[str, pubsub.Topic]:
    """By cell, the topic that all writers publish on and that the cell's containers subscribe to."""
    return {cell: _make(project, topic_of(cell)) for cell in cells}


def _make(project: Project, name: str) -> pubsub.Topic:
    return pubsub.Topic(
        name,
        pubsub.TopicArgs(
            project=project.id,
            name=name,
            message_storage_policy=pubsub.TopicMessageStoragePolicyArgs(
                allowed_persistence_regions=[project.region]
            ),
        ),
        project.ready,
    )

"""The signals: log lines of Confab that log-based metrics count."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pulumi_gcp import logging

from infra.gcp.names import PREFIX
from infra.gcp.project import Project

LINES = (
    f'resource.type="cloud_run_revision" AND resource.labels.service_name=~"^{PREFIX}"'
    ' AND log_id("run.googleapis.com/stderr") AND jsonPayload.logger=~"^confab([.]|$)"'
)
"""The lines of Confab's own loggers: what a library thinks of a stranger's request is no defect."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A count of log lines."""

    about: str
    messages: Sequence[str] = ()
    """The lines' texts; without any, every line of severity ERROR or above."""
    logger: str | None = None
    """The only logger whose lines count; without one, all of Confab's."""

    @property
    def filter(self) -> str:
        """The lines' filter for Cloud Logging."""
        texts = " OR ".join(f'"{message}"' for message in self.messages)
        which = f"jsonPayload.message=({texts})" if texts else "severity>=ERROR"
        return f"{LINES} AND {which}" + (f' AND jsonPayload.logger="{self.logger}"' if self.logger else "")


SIGNALS: Mapping[str, Signal] = {
    name: Signal(**each)
    for name, each in tomllib.loads(Path(__file__).with_name("signals.toml").read_text("utf-8")).items()
}
"""The signals by the name of the metric."""


def make_signals(project: Project) -> Mapping[str, logging.Metric]:
    """Make the log-based metrics, which count by service."""
    return {
        name: logging.Metric(
            name,
            project=project.id,
            name=name,
            description=signal.about,
            filter=signal.filter,
            metric_descriptor={
                "metric_kind": "DELTA",
                "value_type": "INT64",
                "unit": "1",
                "labels": [{"key": "service", "value_type": "STRING"}],
            },
            label_extractors={"service": "EXTRACT(resource.labels.service_name)"},
            opts=project.ready,
        )
        for name, signal in SIGNALS.items()
    }

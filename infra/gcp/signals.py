"""The signals: log lines of Confab that log-based metrics count, or whose numbers they add up."""

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
    label: str = "service"
    """What it is counted by: the service, or a field of the lines, without which a line does not count."""
    adds: str | None = None
    """The field whose numbers are added up, of lines that may stand for several."""

    @property
    def filter(self) -> str:
        """The lines' filter for Cloud Logging."""
        texts = " OR ".join(f'"{message}"' for message in self.messages)
        which = f"jsonPayload.message=({texts})" if texts else "severity>=ERROR"
        conditions = [LINES, which]
        if self.logger:
            conditions.append(f'jsonPayload.logger="{self.logger}"')
        if self.label != "service":
            conditions.append(f'jsonPayload.{self.label}=~"."')
        return " AND ".join(conditions)

    @property
    def extractors(self) -> Mapping[str, str]:
        """How the metric's labels are read from a line."""
        other = {} if self.label == "service" else {self.label: f"EXTRACT(jsonPayload.{self.label})"}
        return {"service": "EXTRACT(resource.labels.service_name)", **other}

    @property
    def suffix(self) -> str:
        """The end of its name in PromQL: what adds numbers up is a distribution, whose sum counts."""
        return "_sum" if self.adds else ""


SIGNALS: Mapping[str, Signal] = {
    name: Signal(**each)
    for name, each in tomllib.loads(Path(__file__).with_name("signals.toml").read_text("utf-8")).items()
}
"""The signals by the name of the metric."""


def make_signals(project: Project) -> Mapping[str, logging.Metric]:
    """Make the log-based metrics, each by service and by its own label."""
    return {
        name: logging.Metric(
            name,
            project=project.id,
            name=name,
            description=signal.about,
            filter=signal.filter,
            metric_descriptor={
                "metric_kind": "DELTA",
                "value_type": "DISTRIBUTION" if signal.adds else "INT64",
                "unit": "1",
                "labels": [{"key": label, "value_type": "STRING"} for label in signal.extractors],
            },
            value_extractor=f"EXTRACT(jsonPayload.{signal.adds})" if signal.adds else None,
            label_extractors=signal.extractors,
            opts=project.ready,
        )
        for name, signal in SIGNALS.items()
    }

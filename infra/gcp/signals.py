"""The signals: log lines of Confab that log-based metrics count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi_gcp import logging

from infra.gcp.names import PREFIX
from infra.gcp.project import Project

LINES = (
    f'resource.type="cloud_run_revision" AND resource.labels.service_name=~"^{PREFIX}"'
    ' AND log_id("run.googleapis.com/stderr") AND jsonPayload.logger:*'
)
"""The lines of `confab.log`, for any logger. Cloud Run's own, such as refused requests, are elsewhere."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A count of log lines."""

    about: str
    messages: Sequence[str] = ()
    """The lines' texts; without any, every line of severity ERROR or above."""
    logger: str | None = None
    """The only logger whose lines count; without one, any of Confab's."""

    @property
    def filter(self) -> str:
        """The lines' filter for Cloud Logging."""
        texts = " OR ".join(f'"{message}"' for message in self.messages)
        which = f"jsonPayload.message=({texts})" if texts else "severity>=ERROR"
        return f"{LINES} AND {which}" + (f' AND jsonPayload.logger="{self.logger}"' if self.logger else "")


SIGNALS: Mapping[str, Signal] = {
    "confab_defects": Signal("Lines of severity ERROR: defects, with their tracebacks"),
    "confab_unready": Signal(
        "Containers that are not ready, twice a minute each: the store, the keys or the bus are missing",
        ("not ready",),
        logger="confab.realtime.health",
    ),
    "confab_sweep_repairs": Signal(
        "Gaps that rooms filled from the store, and events that the bus did not take",
        (
            "gaps were filled from the store",
            "the bus did not take an event; no more are published for some seconds",
            "the bus does not take events",
            "the bus refuses events",
        ),
    ),
    "confab_sweep_failures": Signal(
        "Sweeps that could not read the store",
        ("the sweep could not read the heads", "the sweep failed", "a gap could not be read"),
    ),
}


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

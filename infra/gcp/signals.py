"""What is counted from the logs. Every line named here is one that Confab writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi_gcp import logging

from infra.gcp.names import PREFIX
from infra.gcp.project import Project

LINES = (
    f'resource.type="cloud_run_revision" AND resource.labels.service_name=~"^{PREFIX}"'
    ' AND log_id("run.googleapis.com/stderr") AND jsonPayload.logger:*'
)
"""What `confab.log` writes, for any logger. Cloud Run's own lines, of refused requests too, are elsewhere."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A count of log lines."""

    about: str
    messages: Sequence[str] = ()
    """The lines' texts; every line of severity ERROR or above where there is none."""

    logger: str | None = None
    """The one that writes them, where it is not any of Confab's."""

    @property
    def filter(self) -> str:
        """The lines, as Cloud Logging finds them."""
        texts = " OR ".join(f'"{message}"' for message in self.messages)
        which = f"jsonPayload.message=({texts})" if texts else "severity>=ERROR"
        return f"{LINES} AND {which}" + (f' AND jsonPayload.logger="{self.logger}"' if self.logger else "")


SIGNALS: Mapping[str, Signal] = {
    "confab_defects": Signal("Lines of severity ERROR: defects, with their tracebacks"),
    "confab_unready": Signal(
        "Twice a minute from each container that is not ready: the store, the keys or the bus are missing",
        ("not ready",),
        logger="confab.realtime.health",
    ),
    "confab_sweep_repairs": Signal(
        "Rooms that were behind and were filled from the store, and events that the bus did not take",
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


def metric_type(name: str) -> str:
    """What Cloud Monitoring calls a log-based metric."""
    return f"logging.googleapis.com/user/{name}"


def make_signals(project: Project) -> Mapping[str, logging.Metric]:
    """The log-based metrics, counted by service."""
    return {name: _make(project, name, signal) for name, signal in SIGNALS.items()}


def _make(project: Project, name: str, signal: Signal) -> logging.Metric:
    return logging.Metric(
        name,
        logging.MetricArgs(
            project=project.id,
            name=name,
            description=signal.about,
            filter=signal.filter,
            metric_descriptor=logging.MetricMetricDescriptorArgs(
                metric_kind="DELTA",
                value_type="INT64",
                unit="1",
                labels=[logging.MetricMetricDescriptorLabelArgs(key="service", value_type="STRING")],
            ),
            label_extractors={"service": "EXTRACT(resource.labels.service_name)"},
        ),
        project.ready,
    )

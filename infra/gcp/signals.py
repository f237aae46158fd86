"""What is counted from the logs. Every line named here is one that Confab writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi_gcp import logging

from infra.gcp.names import PREFIX
from infra.gcp.project import Project

SERVICES = f'resource.type="cloud_run_revision" AND resource.labels.service_name=~"^{PREFIX}"'


@dataclass(frozen=True, slots=True)
class Signal:
    """A count of log lines."""

    about: str
    messages: Sequence[str] = ()
    """The lines' texts; every line of severity ERROR or above where there is none."""

    @property
    def filter(self) -> str:
        """The lines, as Cloud Logging finds them."""
        texts = " OR ".join(f'"{message}"' for message in self.messages)
        return f"{SERVICES} AND " + (f"jsonPayload.message=({texts})" if texts else "severity>=ERROR")


SIGNALS: Mapping[str, Signal] = {
    "confab_defects": Signal("Lines of severity ERROR: defects, with their tracebacks"),
    "confab_unready": Signal(
        "What makes a container not ready: the store, the keys or the bus cannot be used",
        (
            "no session with the store",
            "Firebase Auth does not answer",
            "the bus subscription is deaf; it is started again",
        ),
    ),
    "confab_sweep_repairs": Signal(
        "Rooms that were behind and were filled from the store, and events that the bus did not take",
        (
            "holes were filled from the store",
            "the bus did not take an event; no more are published for some seconds",
            "the bus does not take events",
            "the bus refuses events",
        ),
    ),
    "confab_sweep_failures": Signal(
        "Sweeps that could not read the store",
        ("the sweep could not read the heads", "the sweep failed", "a hole could not be read"),
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

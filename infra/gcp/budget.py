"""The budget: e-mails before a flood, or a mistake, has cost what nobody wanted to pay. It stops nothing."""

from collections.abc import Sequence

import pulumi
from pulumi_gcp import billing, monitoring

from infra.gcp.project import Project
from infra.gcp.settings import Budget

SPENT = (0.5, 0.9, 1.0)
"""The parts of the amount at which it notifies, and again when the month's forecast exceeds the amount."""


def make_budget(project: Project, budget: Budget, channels: Sequence[monitoring.NotificationChannel]) -> None:
    """Make the monthly budget of the project; it notifies the billing account's administrators, too."""
    rules: list[billing.BudgetThresholdRuleArgsDict] = [{"threshold_percent": part} for part in SPENT]
    billing.Budget(
        "budget",
        billing_account=budget.billing_account,
        display_name=f"Confab in {project.id}",
        budget_filter={"projects": [f"projects/{project.number}"]},
        amount={"specified_amount": {"units": str(budget.amount)}},  # in the account's currency
        threshold_rules=[*rules, {"threshold_percent": 1.0, "spend_basis": "FORECASTED_SPEND"}],
        all_updates_rule={"monitoring_notification_channels": [channel.name for channel in channels]}
        if channels
        else None,
        opts=pulumi.ResourceOptions(depends_on=list(project.apis)),
    )

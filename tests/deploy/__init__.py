import tests.infra.deployment  # noqa: F401 - imports Pulumi's package without its own warnings

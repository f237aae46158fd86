"""The contract suites: one per port, run over each of its adapters."""

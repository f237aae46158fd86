"""What operators see of a process: traces in the logs alone, or with metrics over OpenTelemetry."""

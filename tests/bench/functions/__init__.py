"""What a function costs: its cold start and its requests, beside a bare function's."""

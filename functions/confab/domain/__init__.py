"""What Confab is about, without I/O: models, the log's rules, access, events and errors."""

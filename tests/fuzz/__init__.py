"""Two realtime containers, and strangers who send them anything: `make fuzz`."""

"""The bus on Google Pub/Sub, or on an emulator of it."""

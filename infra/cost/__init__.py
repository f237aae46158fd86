"""The monthly costs of Confab, from list prices and measured CPU."""

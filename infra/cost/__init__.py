"""What Confab costs: list prices and measured CPU in, dollars and pictures out."""

"""What Confab costs a month: list prices and measured CPU in, dollars out."""

"""What several test folders need: real servers as processes, and ways to break them."""

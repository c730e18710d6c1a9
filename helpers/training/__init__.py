"""The training loop, its guards, and what a run leaves behind."""

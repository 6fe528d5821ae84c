"""Training: configurations, batches, losses, checkpoints, and one loop."""

"""From a trained run and its data to statistics and metrics."""

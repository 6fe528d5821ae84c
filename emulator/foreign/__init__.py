"""Data of economies that are none of the worlds: benchmarks of estimators of responses."""

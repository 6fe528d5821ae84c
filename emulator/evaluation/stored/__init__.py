"""What an evaluation leaves on disk: statistics, metrics.json, and the runs that have them."""

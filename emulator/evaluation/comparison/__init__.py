"""A run beside others: gaps, criteria, leaderboard."""

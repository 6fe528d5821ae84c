"""Plans of runs: data, training, evaluation and leaderboard by one command, restartable."""

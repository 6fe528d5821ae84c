"""Damaged files of every kind that the command line reads: each an answer or one line."""

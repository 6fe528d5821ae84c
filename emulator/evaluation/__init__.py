"""Evaluation: statistics per response, metrics derived from them, tables and figures."""

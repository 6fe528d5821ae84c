"""Figures and the report of an evaluation."""

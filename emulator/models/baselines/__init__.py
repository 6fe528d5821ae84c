"""Baselines the universal emulator has to beat."""

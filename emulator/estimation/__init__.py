"""Likelihoods and posteriors: what the data of an economy say of a world's parameters."""

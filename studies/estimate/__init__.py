"""Whether estimates are right, against Dynare's and what made the data, and how fast they are."""

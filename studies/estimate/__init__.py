"""Whether estimates are right: against Dynare's, against what made the data, and how long they take."""

"""Classical estimators of responses, in batches: vector autoregressions and local projections."""

"""Networks and baselines. They take `Inputs` and return physical responses; never worlds."""

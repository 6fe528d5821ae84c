"""A network that mixes candidate responses by what the series are like, learned on the grammar."""

"""The Bayes floor: the lowest expected squared error any method can have from a history."""

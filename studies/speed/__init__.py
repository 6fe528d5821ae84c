"""How fast worlds, data, training, answers and exported files are: results/speed."""

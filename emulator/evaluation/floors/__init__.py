"""The Bayes floor: the lowest expected squared error any method can have from a history."""

from pathlib import Path

# Where floors are kept and looked for, from the folder a command runs in.
FLOORS_FOLDER = Path("results/floors")

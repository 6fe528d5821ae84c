"""The limits that hold throughout: of what is drawn, shown and answered.

Lengths are in quarters, sizes in standard deviations of a shock. `QUARTERS` and `RUN_IN` are what a
data set has unless its configuration says otherwise; the rest holds for all.
"""

from __future__ import annotations

MIN_SIZE, MAX_SIZE = 0.25, 3.0  # moduli of the shock sizes drawn; the sign is free

QUARTERS = 240  # of a sample
RUN_IN = 40  # its first ones, from rest: known through eps, never shown as history

MIN_HISTORY, MAX_HISTORY = 40, 200  # the shortest and the longest history a model is shown
MIN_NOW, MAX_NOW = 80, 200  # from rest to where a trajectory is forecast
AHEAD = 40  # a trajectory is forecast so far

MAX_HORIZON = 80  # of a response

QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)  # levels of the bands around a response

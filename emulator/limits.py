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

# A history whose s.d. is this many times that of a world's, or below this part of it, is in other
# units (fractions for percent: 100), and in one whose mean is this many of those s.d.s a level is
# left. Fewer than 1 in 1,000 histories drawn from any world's prior, of 40 to 200 quarters, lie
# outside of each.
LARGEST_SD, SMALLEST_SD = 20.0, 1.0 / 40.0
LARGEST_MEAN = 20.0
# A deviation from a mean crosses zero in 20 years. Growth rates have a mean as large as their s.d.;
# over 40 years a deviation from a mean has not (in 6 in 100 of sw07's histories output has, and in
# 3 of rbc's the rate).
ONE_SIDE, ENOUGH_QUARTERS = 0.95, 80
OWN_MEAN, MANY_QUARTERS = 0.9, 160

# Of configurations: what lies beyond is a slip of the keyboard, and would take all memory or time.
MOST_WIDTH = 8_192  # units of a layer
MOST_DEPTH = 256  # layers
MOST_ROWS = 1_000_000  # samples of a world in one step
MOST_STEPS = 1_000_000_000  # of training; epochs and validations alike
MOST_SEED = 2**63 - 1
MOST_RATE = 100.0  # a learning rate
MOST_WEIGHT = 1e6  # of a term in the loss, or of decay; and the largest gradient norm
MOST_WORKERS = 1_024  # processes, or threads of one

QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)  # levels of the bands around a response

"""Metrics, one a file: what is stored of a response, the formula over responses, unit and words.

A file here has

    STATISTICS   by name, the numbers stored of every response (see `base.Answers`); samples add
                 up and paired intervals are free, because formulas need nothing else
    METRICS      the `base.Metric`s that follow from them, and from the statistics of other files

and nothing else names it: `registry` finds it, statistics get its columns, metrics.json its keys,
the report its column and words. docs/adding-a-metric.md shows one.

A formula takes the statistics of one world, regime, task and split; its docstring says what it is,
why it is there, its unit, and how samples are aggregated. "A mean" is over samples, shocks and
observables with equal weights; "s.d.s" are sigma, the s.d. of the training responses of that world,
shock and observable over samples and horizons.
"""

"""All metrics there are, found in the files of this folder."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType

from emulator.evaluation import metrics
from emulator.evaluation.metrics.base import Metric, Statistic


def find() -> tuple[dict[str, Statistic], dict[str, Metric]]:
    """Statistics and metrics by name, in the order of the metrics' places."""
    modules = list(_modules())
    found = [metric for module in modules for metric in module.METRICS]
    first = {module: min(metric.place for metric in module.METRICS) for module in modules}
    statistics: dict[str, Statistic] = {}
    for module in sorted(modules, key=lambda module: first[module]):
        assert not statistics.keys() & module.STATISTICS.keys(), module.__name__
        statistics |= module.STATISTICS
    by_name = {metric.name: metric for metric in sorted(found, key=lambda metric: metric.place)}
    assert len(by_name) == len(found), "two metrics of one name"
    return statistics, by_name


def _modules() -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(metrics.__path__):
        if module.name not in ("base", "registry"):
            yield import_module(f"{metrics.__name__}.{module.name}")


STATISTICS: Mapping[str, Statistic]  # by column of statistics.parquet
METRICS: Mapping[str, Metric]  # by key of metrics.json
STATISTICS, METRICS = find()

"""Which split a sample belongs to, by rules that look at its parameters and its number alone.

    slice    a policy-relevant edge of the parameter space (any of the world's slice rules)
    corner   persistence and volatility of theta both above the world's thresholds
    train, val, test   the rest, by a number drawn from (seed, world, index), one for all siblings

A sample that satisfies both hold-outs is in `slice`; a world without rules has none. Persistence
and volatility are `worlds.population`'s. `python -m emulator.data.thresholds --worlds nk` prints a
world's thresholds.

Samples of a world that is drawn by siblings (`emulator.data.samples`) share what is dear to solve
with their group alone: no household of `hank` is in two of train, val and test.

    prior    every sample whose number is in the share of `test`, hold-outs included

is no split of its own: it is a draw of the whole prior that no weights were ever trained on,
whatever was held out of their training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from emulator.data.samples import Samples, draw_samples
from emulator.data.schema import HOLD_OUTS, SPLITS, DataConfig, SliceRule, WorldRules
from emulator.errors import ConfigError, unknown_name
from emulator.seeding import derived_seed, stream_key
from emulator.specs import WorldSpec
from emulator.worlds import World
from emulator.worlds.population import has_state_space, largest_root, population_moments

FloatArray = NDArray[np.float64]

# Samples drawn at once: keeps states (B, T, n) within tens of megabytes for the largest world.
BLOCK = 250


def check_rules(world: World[Any], rules: WorldRules) -> None:
    """ConfigError or UnknownNameError unless the slice rules name things the world has, and cut
    a parameter's box in two."""
    for rule in rules.slice:
        if rule.parameter is not None and rule.parameter not in world.parameter_names:
            raise unknown_name(
                f"slice-rule parameter of world {world.name!r}",
                rule.parameter,
                world.parameter_names,
            )
        if rule.parameter is not None:
            _check_cut(world, rule)
        if rule.statistic is not None and not has_state_space(world):
            raise ConfigError(
                f"rules: world {world.name!r} has no statistic {rule.statistic!r}: its solution is "
                "not a linear state space"
            )


def _check_cut(world: World[Any], rule: SliceRule) -> None:
    bounds = {p.name: (p.lower, p.upper) for p in world.parameters}
    assert rule.parameter is not None
    lower, upper = bounds[rule.parameter]
    cut = rule.above if rule.above is not None else rule.below
    assert cut is not None
    if not lower < cut < upper:
        side = "above" if rule.above is not None else "below"
        raise ConfigError(
            f"rules: world {world.name!r}: {rule.parameter} {side} {cut:g} holds out nothing or "
            f"everything of its bounds {lower:g} to {upper:g}; choose a number between them"
        )


# Samples drawn to see whether the splits can fill. A hold-out that none of 500 satisfies is below
# 0.6 % of the prior (95 % confidence), where hold-outs are meant to be 4 to 11 %.
_TRIAL = 500


def expect_splits(world: World[Any], config: DataConfig) -> None:
    """ConfigError when a split would stay empty, found by drawing a few of the samples where there
    are hold-outs."""
    hold_outs = config.rules_of(world.name).hold_outs
    count = min(config.samples, _TRIAL)
    codes = []
    with threadpool_limits(limits=1):
        for first in range(0, count, BLOCK):
            block = np.arange(first, min(first + BLOCK, count))
            if hold_outs:
                samples = draw_samples(world, config.seed, block, config, responses=False)
                codes.append(assign(world, samples, config))
            else:  # then what is drawn says nothing of the split
                codes.append(split_codes(world, config, block, np.empty((len(block), 0)), None))
    found = np.bincount(np.concatenate(codes), minlength=len(SPLITS))
    counts = dict(zip(SPLITS, found.tolist(), strict=True))
    if count == config.samples:
        refuse_empty(config, world.name, counts)
        return
    for split in hold_outs:
        if not counts[split]:
            raise ConfigError(
                f"rules: world {world.name!r}: none of {count} trial samples falls into split "
                f"{split!r}; widen its rule"
            )
    kept = count - sum(counts[split] for split in hold_outs)
    for split, share in config.shares.model_dump().items():
        # Siblings go together: of groups there are fewer than samples.
        expected = config.samples * share * kept / count / world.siblings
        if expected < 1:
            by_siblings = f" by {world.siblings} siblings" if world.siblings > 1 else ""
            raise ConfigError(
                f"world {world.name!r}: split {split!r} can expect {expected:.2g} of "
                f"{config.samples} samples{by_siblings}; raise `samples` or its share, or narrow "
                "the hold-outs"
            )


def refuse_empty(config: DataConfig, world: str, counts: Mapping[str, int]) -> None:
    """ConfigError when a split has no sample, unless it is a hold-out without rules."""
    for split in SPLITS:
        known = split not in HOLD_OUTS or split in config.rules_of(world).hold_outs
        if not counts[split] and known:
            remedy = "its rule" if split in HOLD_OUTS else "the hold-outs"
            raise ConfigError(
                f"world {world!r}: no sample of {config.samples} falls into split {split!r}; raise "
                f"`samples` (or mend {remedy}) and generate into another directory"
            )


def in_slice(
    world: World[Any], rules: WorldRules, theta: FloatArray, solution: Any
) -> NDArray[np.bool_]:
    """Whether any slice rule holds (B,)."""
    inside = np.zeros(len(theta), dtype=bool)
    for rule in rules.slice:
        inside |= _holds(rule, world, theta, solution)
    return inside


def _holds(
    rule: SliceRule, world: World[Any], theta: FloatArray, solution: Any
) -> NDArray[np.bool_]:
    if rule.parameter is not None:
        value = theta[:, world.parameter_names.index(rule.parameter)]
    else:
        value = largest_root(solution)
    if rule.above is not None:
        return np.asarray(value > rule.above)
    assert rule.below is not None
    return np.asarray(value < rule.below)


def in_corner(
    world: World[Any], rules: WorldRules, theta: FloatArray, solution: Any
) -> NDArray[np.bool_]:
    """Whether persistence and volatility are both above their thresholds (B,)."""
    if rules.corner is None:
        return np.zeros(len(theta), dtype=bool)
    moments = population_moments(world, theta, solution)
    return (moments.persistence > rules.corner.persistence) & (
        moments.volatility > rules.corner.volatility
    )


def held_out(
    world: World[Any], rules: WorldRules, theta: FloatArray, solution: Any
) -> NDArray[np.bool_]:
    """Whether either hold-out has these parameters (B,)."""
    return in_slice(world, rules, theta, solution) | in_corner(world, rules, theta, solution)


def recorded(world: World[Any], rules: WorldRules) -> list[dict[str, str | float]]:
    """The records of the rules; with `default: True` those of the solution, and not of parameters,
    in whose region the world's default parameters lie."""
    theta = world.pack()[None]
    solution = world.solve(theta)
    inside = [
        rule.statistic is not None and _holds(rule, world, theta, solution).item()
        for rule in rules.slice
    ]
    if rules.corner is not None:
        inside.append(in_corner(world, rules, theta, solution).item())
    return [
        {**record, "default": True} if lies else record
        for record, lies in zip(rules.records, inside, strict=True)
    ]


def split_uniforms(seed: int, world: str, indices: NDArray[np.int64]) -> FloatArray:
    """A number in [0, 1) per sample, or group of siblings, (B,), a hash of (seed, world, index).

    The finaliser of SplitMix64 (Steele, Lea and Flood 2014) applied to a keyed counter.
    """
    key = stream_key(derived_seed(seed, "split"), world)
    z = key[0] + (indices.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = (z ^ (z >> np.uint64(31))) ^ key[1]
    return np.asarray((z >> np.uint64(11)) * 2.0**-53)


def in_prior(config: DataConfig, spec: WorldSpec, indices: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether samples (B,) are in `prior`: their number is in the share of `test`."""
    return _numbers(config, spec, indices) >= config.shares.train + config.shares.val


def _numbers(config: DataConfig, spec: WorldSpec, indices: NDArray[np.int64]) -> FloatArray:
    """The number in [0, 1) that decides each sample's split (B,), the same for siblings."""
    return split_uniforms(config.seed, spec.name, indices // spec.siblings)


def assign(world: World[Any], samples: Samples, config: DataConfig) -> NDArray[np.int8]:
    """The split of each sample (B,), as its position in SPLITS."""
    return split_codes(world, config, samples.indices, samples.arrays["theta"], samples.solution)


def split_codes(
    world: World[Any],
    config: DataConfig,
    indices: NDArray[np.int64],
    theta: FloatArray,
    solution: Any,
) -> NDArray[np.int8]:
    """`assign` from its ingredients: indices (B,), theta (B, P) and its solution."""
    rules = config.rules_of(world.name)
    code = np.full(len(indices), SPLITS.index("val"), dtype=np.int8)
    spec = world.spec
    code[_numbers(config, spec, indices) < config.shares.train] = SPLITS.index("train")
    code[in_prior(config, spec, indices)] = SPLITS.index("test")
    code[in_corner(world, rules, theta, solution)] = SPLITS.index("corner")
    code[in_slice(world, rules, theta, solution)] = SPLITS.index("slice")
    return code

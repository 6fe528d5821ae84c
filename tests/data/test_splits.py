"""Splits: rules on one sample alone, slice before corner, shares as asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.config import load_config
from emulator.data import DataConfig
from emulator.data.samples import draw_samples
from emulator.data.schema import SPLITS, WorldRules
from emulator.data.splits import (
    assign,
    check_rules,
    expect_splits,
    held_out,
    in_corner,
    in_prior,
    in_slice,
    recorded,
    split_codes,
    split_uniforms,
)
from emulator.data.thresholds import thresholds
from emulator.errors import ConfigError, UnknownNameError
from emulator.plans.plan import Plan
from emulator.worlds import get_world
from emulator.worlds.population import largest_root, population_moments
from tests.data.configs import RULES, WORLDS, Siblings, small

pytestmark = pytest.mark.slow


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**63 - 1), start=st.integers(0, 2**40), world=st.sampled_from(WORLDS))
def test_the_split_number_of_a_sample_depends_on_that_sample_alone(
    seed: int, start: int, world: str
) -> None:
    many = split_uniforms(seed, world, np.arange(start, start + 20))
    one = split_uniforms(seed, world, np.array([start + 7]))
    assert many[7] == one[0]
    assert ((many >= 0) & (many < 1)).all()
    assert not np.array_equal(many, split_uniforms(seed + 1, world, np.arange(start, start + 20)))


def test_split_numbers_are_uniform() -> None:
    u = split_uniforms(1, "nk", np.arange(100_000))
    # Kolmogorov-Smirnov: 1.95 / sqrt(n) is passed by chance once in a thousand, and n is fixed.
    gap = np.abs(np.sort(u) - np.arange(1, 100_001) / 100_000).max()
    assert gap < 1.95 / np.sqrt(100_000)


@pytest.mark.parametrize("name", WORLDS)
def test_each_sample_is_where_its_rules_put_it(name: str) -> None:
    config, world = small(), get_world(name)
    samples = draw_samples(world, config.seed, range(200), config)
    theta, rules = samples.arrays["theta"], config.rules_of(name)
    codes = np.array(SPLITS)[assign(world, samples, config)]
    edge = in_slice(world, rules, theta, samples.solution)
    corner = in_corner(world, rules, theta, samples.solution)
    assert (edge & corner).any()  # both at once occur, and slice has the first word
    assert (codes[edge] == "slice").all()
    assert (codes[corner & ~edge] == "corner").all()
    np.testing.assert_array_equal(held_out(world, rules, theta, samples.solution), edge | corner)
    rest = codes[~edge & ~corner]
    assert set(rest) == {"train", "val", "test"}
    u = split_uniforms(config.seed, name, samples.indices)[~edge & ~corner]
    assert u[rest == "train"].max() < 0.8 <= u[rest == "val"].min()
    assert u[rest == "val"].max() < 0.9 <= u[rest == "test"].min()


def test_the_corner_is_a_matter_of_theta_alone() -> None:
    """Whatever was drawn, and however long; the slice is as well."""
    config, world = small(), get_world("nk")
    theta = draw_samples(world, config.seed, range(200), config).arrays["theta"]
    moments = population_moments(world, theta)
    rule = config.rules_of("nk").corner
    assert rule is not None
    high = (moments.persistence > rule.persistence) & (moments.volatility > rule.volatility)
    assert 0 < high.sum() < 200
    for other in (config, small(seed=8), small(quarters=80, measurement_noise=0.5)):
        codes = split_codes(world, other, np.arange(200), theta, world.solve(theta))
        where = np.isin(np.array(SPLITS)[codes], ["corner", "slice"])
        assert (where | ~high).all()
        np.testing.assert_array_equal(
            where, high | in_slice(world, other.rules_of("nk"), theta, world.solve(theta))
        )


def test_the_prior_holds_hold_outs_in_their_share_and_nothing_trained() -> None:
    config, world = small(samples=2000), get_world("nk")
    samples = draw_samples(world, config.seed, range(2000), config, responses=False)
    codes = np.array(SPLITS)[assign(world, samples, config)]
    prior = in_prior(config, world.spec, samples.indices)
    assert set(codes[prior]) == {"test", "slice", "corner"}
    assert not np.isin(codes[codes == "test"], codes[~prior]).any()
    for split in ("slice", "corner"):
        # Two standard errors of a share near .15 of 200 draws.
        assert abs((codes[prior] == split).mean() - (codes == split).mean()) < 0.05


def test_without_rules_every_draw_is_in_train_val_or_test() -> None:
    config, world = small(rules={}), get_world("nk")
    assert config.rules_of("nk").hold_outs == ()
    expect_splits(world, config)
    samples = draw_samples(world, config.seed, range(200), config, responses=False)
    codes = np.array(SPLITS)[assign(world, samples, config)]
    assert set(codes) == {"train", "val", "test"}
    np.testing.assert_array_equal(codes == "test", in_prior(config, world.spec, samples.indices))
    # Those held out elsewhere keep their share: what trains here may be held out there.
    ruled = np.array(SPLITS)[assign(world, samples, small())]
    kept = ~np.isin(ruled, ["slice", "corner"])
    np.testing.assert_array_equal(codes[kept], ruled[kept])
    one = small(rules={"nk": {"slice": [{"parameter": "phi_pi", "above": 3.0}]}})
    assert one.rules_of("nk").hold_outs == ("slice",)
    assert one.rules_of("var").hold_outs == ()


def test_slice_rules_look_at_parameters_and_roots() -> None:
    nk, var, switching = (get_world(n) for n in ("nk", "var", "switching"))
    rules = small().rules
    theta = np.array([nk.pack({"phi_pi": 2.9}), nk.pack({"phi_pi": 3.1})])
    assert in_slice(nk, rules["nk"], theta, nk.solve(theta)).tolist() == [False, True]
    for name in ("p_stay_calm", "p_stay_turbulent"):
        theta = switching.pack({name: 0.97})[None]
        assert in_slice(switching, rules["switching"], theta, switching.solve(theta)).all()
    theta = np.array([var.pack({"a1_11": 0.92}), var.pack({"a1_11": 0.94})])
    solution = var.solve(theta)
    np.testing.assert_allclose(largest_root(solution), [0.92, 0.94], rtol=1e-12)
    assert in_slice(var, rules["var"], theta, solution).tolist() == [False, True]


def test_rules_that_name_nothing_are_refused() -> None:
    wrong = {"slice": [{"parameter": "phi_p", "above": 1.0}], "corner": RULES["nk"]["corner"]}
    rules = small(worlds=("nk",), rules={"nk": wrong}).rules_of("nk")
    with pytest.raises(UnknownNameError, match="did you mean 'phi_pi'"):
        check_rules(get_world("nk"), rules)
    with pytest.raises(ConfigError, match="not a linear state space"):
        check_rules(get_world("switching"), small().rules_of("var"))


def test_thresholds_are_upper_quantiles_of_the_prior() -> None:
    world = get_world("nk")
    found = thresholds(world, 0.25, draws=400)
    samples = draw_samples(world, 20_000, range(400), small(), responses=False)
    moments = population_moments(world, samples.arrays["theta"])
    assert (moments.persistence > found["persistence"]).sum() == 100
    assert (moments.volatility > found["volatility"]).sum() == 100


@pytest.mark.parametrize("size", ["smoke", "dev"])
def test_shipped_configurations_fit_the_worlds_and_share_their_rules(size: str) -> None:
    config = load_config(f"configs/data/{size}.yaml", DataConfig)
    dev = load_config("configs/data/dev.yaml", DataConfig)
    for name in config.worlds:
        check_rules(get_world(name), config.rules_of(name))
        assert config.rules_of(name) == dev.rules_of(name)
        assert config.rules_of(name).hold_outs == ("slice", "corner")


def test_weights_that_ship_see_the_whole_prior_and_are_scored_on_other_draws_of_it() -> None:
    plan = load_config("configs/plans/shipped.yaml", Plan)
    assert plan.data.scored_on is not None
    trains = load_config(plan.data.config, DataConfig)
    scores = load_config(plan.data.scored_on.config, DataConfig)
    assert not trains.rules
    # The same draws, so that samples in the share of `test` are in no training split.
    assert (trains.draws, trains.shares) == (scores.draws, scores.shares)


@pytest.mark.parametrize("name", load_config("configs/data/dev.yaml", DataConfig).worlds)
def test_shipped_hold_outs_are_as_large_as_they_should_be(name: str) -> None:
    config, world = load_config("configs/data/dev.yaml", DataConfig), get_world(name)
    samples = draw_samples(world, 0, range(1000), config, responses=False)
    rules, theta = config.rules_of(name), samples.arrays["theta"]
    share = in_slice(world, rules, theta, samples.solution).mean()
    # Specified: 6 to 11 %; two standard errors of a share near .08 of 1,000 draws are .017.
    assert 0.06 - 0.017 < share < 0.11 + 0.017
    moments = population_moments(world, theta, samples.solution)
    tail = 0.15 if name == "sw07" else 0.2
    assert rules.corner is not None
    # Four standard errors of a share of .2 of 1,000 draws.
    assert abs((moments.persistence > rules.corner.persistence).mean() - tail) < 0.05
    assert abs((moments.volatility > rules.corner.volatility).mean() - tail) < 0.05


def test_the_record_says_which_regions_hold_the_defaults() -> None:
    """nk's defaults have persistence .69 and log s.d. 1.44; var's largest root is .6."""
    corner = {"persistence": 0.5, "volatility": 1.2}
    nk = WorldRules.model_validate(
        {"slice": [{"parameter": "phi_pi", "above": 1.2}], "corner": corner}
    )
    assert recorded(get_world("nk"), nk) == [
        {"parameter": "phi_pi", "above": 1.2},  # which the parameter itself tells
        {**corner, "default": True},
    ]
    rules = [{"statistic": "largest_root", "above": above} for above in (0.1, 0.95)]
    assert recorded(get_world("var"), WorldRules.model_validate({"slice": rules})) == [
        {**rules[0], "default": True},
        rules[1],
    ]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**63 - 1), start=st.integers(0, 2**40))
def test_no_household_is_in_two_splits(seed: int, start: int) -> None:
    """Whatever was drawn first, and where a draw is thrown away."""
    config, world = small(rules={}, seed=seed), Siblings()
    rows = np.arange(start, start + 60)
    samples = draw_samples(world, seed, rows, config, responses=False)
    codes = assign(world, samples, config)
    dear = [world.parameter_names.index(name) for name in world.dear]
    household = np.unique(samples.arrays["theta"][:, dear], axis=0, return_inverse=True)[1]
    assert len(np.unique(household)) < len(rows) / 2
    assert len(set(zip(household.ravel(), codes, strict=True))) == len(np.unique(household))
    np.testing.assert_array_equal(in_prior(config, world.spec, rows), codes == SPLITS.index("test"))


def test_few_groups_of_siblings_cannot_fill_the_splits() -> None:
    shares = {"train": 0.99, "val": 0.005, "test": 0.005}
    config = small(rules={}, samples=510, shares=shares)
    expect_splits(get_world("zlb"), config)
    with pytest.raises(ConfigError, match=r"'val' can expect 0\.85 of 510 samples by 3 siblings"):
        expect_splits(Siblings(), config)

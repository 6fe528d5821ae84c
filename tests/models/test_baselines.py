"""Baselines: classical estimates equal statsmodels', and no model sees what its regime forbids."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from statsmodels.tsa.api import VAR as StatsmodelsVAR

from emulator import get_world
from emulator.data import Dataset
from emulator.errors import ConfigError, InputError
from emulator.evaluation.scoring.statistics import score_model, statistics
from emulator.models.abilities import ModelConfigBase
from emulator.models.base import Answered, Model
from emulator.models.baselines.bvar import BVARConfig
from emulator.models.baselines.gru import GRUConfig
from emulator.models.baselines.history import ORDERINGS, candidates, moving_average
from emulator.models.baselines.linear import LinearConfig
from emulator.models.baselines.mlp import MLPConfig
from emulator.models.baselines.summary import Summaries, summarise
from emulator.models.baselines.var import LPConfig, VARConfig, estimate, local_projections
from emulator.models.weights import load_weights
from emulator.questions import Question
from emulator.regimes import CONTRACTS, Inputs, Regime, Task, build_inputs, tasks
from emulator.training.trainer import train
from tests.conftest import run_config
from tests.specs import LARGE, SMALL, SPECS, sample

GRU, MLP, LINEAR = GRUConfig(hidden_dim=8), MLPConfig(hidden_dim=8), LinearConfig()
VAR, VAR_FITTED, LP = VARConfig(), VARConfig(rotation="fitted"), LPConfig()
BVAR, INFORMED = BVARConfig(), BVARConfig(prior="informed")
HORIZON = 10
PAIRS = [
    (config, regime)
    for config in (GRU, MLP, LINEAR, VAR, VAR_FITTED, LP, BVAR, INFORMED)
    for regime in Regime
    if regime in config.regimes
]


@cache
def _ready(config: ModelConfigBase, regime: Regime, specs=SPECS) -> Model:
    """A model that went through what training does before its steps. Tests share it and leave it
    as it is."""
    torch.manual_seed(0)
    model = config.build(specs, HORIZON).eval()
    for spec in specs:
        for task in tasks(spec):
            inputs = build_inputs(sample(spec, 80, seed=3), spec, regime, task)
            if task is Task.steady_state:
                model.prepare(spec.name, inputs)
            target = torch.randn(80, len(spec.shocks), HORIZON + 1, 3)
            if config.fitted_at_once:
                model.fit(spec.name, (inputs, target), [(inputs, target)])
    return model


# --------------------------------------------------------------------- the information contract


@pytest.mark.fast
@pytest.mark.parametrize(("config", "regime"), PAIRS)
@pytest.mark.parametrize("noise", [torch.randn, lambda *s: torch.full(s, torch.nan)])
def test_forbidden_inputs_change_no_bit(config: ModelConfigBase, regime: Regime, noise) -> None:
    model, contract = _ready(config, regime), CONTRACTS[regime]
    given = {
        "theta": contract.theta,
        "eps": contract.eps_sequence,
        "trajectories": contract.history,
    }
    for spec in SPECS:
        for task in tasks(spec):
            fields = sample(spec)
            clean = model(build_inputs(fields, spec, regime, task))
            assert clean.shape == (5, len(spec.shocks), HORIZON + 1, 3)
            assert torch.isfinite(clean).all()
            for field in (name for name, allowed in given.items() if not allowed):
                noisy = {**fields, field: noise(*fields[field].shape)}
                assert torch.equal(model(build_inputs(noisy, spec, regime, task)), clean)


@pytest.mark.fast
@pytest.mark.parametrize(("config", "regime"), PAIRS)
def test_what_a_baseline_answers_from_reaches_its_output(
    config: ModelConfigBase, regime: Regime
) -> None:
    """And nothing else does: it sees what its kind says."""
    model = _ready(config, regime)
    for name, field in (("theta", "theta"), ("history", "trajectories"), ("eps", "eps")):
        fields = sample(LARGE)
        clean = model(build_inputs(fields, LARGE, regime))
        fields[field] = sample(LARGE, seed=1)[field]
        reached = not torch.equal(model(build_inputs(fields, LARGE, regime)), clean)
        assert reached is (name in config.sees(regime))


@pytest.mark.fast
@pytest.mark.parametrize(("config", "regime"), PAIRS)
def test_regimes_alike_to_a_baseline_have_the_same_answers(
    config: ModelConfigBase, regime: Regime
) -> None:
    model = _ready(config, regime)
    assert regime in config.alike(regime)
    for spec in SPECS:
        for task in tasks(spec):
            fields = sample(spec)
            answer = model(build_inputs(fields, spec, regime, task))
            for other in config.alike(regime):
                assert torch.equal(model(build_inputs(fields, spec, other, task)), answer)


@pytest.mark.fast
@pytest.mark.parametrize("config", [GRU, MLP])
def test_a_blind_baseline_does_not_see_the_world(config: ModelConfigBase) -> None:
    specs = tuple(dataclasses.replace(SMALL, name=name) for name in ("one", "two"))
    blind, named = _ready(config, Regime.B2, specs), _ready(config, Regime.B1, specs)
    one, two = (build_inputs(sample(SMALL), spec, Regime.B2) for spec in specs)
    assert torch.equal(blind(one), blind(two))
    one, two = (build_inputs(sample(SMALL), spec, Regime.B1) for spec in specs)
    assert not torch.equal(named(one), named(two))


@pytest.mark.fast
def test_regimes_a_baseline_cannot_answer_are_refused(tmp_path: Path) -> None:
    for kind, regime in (
        ("linear", "B2"), ("var", "A"), ("lp", "B2"), ("mlp", "all"), ("linear", "all"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=f"does not answer in regime {regime}"):
            run_config(tmp_path, model={"type": f"baseline_{kind}"}, data={"regime": regime})
    model = VAR.build(SPECS, HORIZON)
    with pytest.raises(InputError, match="use B1"):
        model(_inputs(Regime.A))
    with pytest.raises(InputError, match="does not name it"):
        model(_inputs(Regime.B2))


@pytest.mark.fast
@pytest.mark.parametrize("config", [LINEAR, MLP, VAR, VAR_FITTED, LP, BVAR, INFORMED])
def test_a_model_that_was_not_fitted_on_histories_refuses_them(config: ModelConfigBase) -> None:
    model = config.build(SPECS, HORIZON)
    if Regime.A in config.regimes:
        model = _ready(config, Regime.A)
    with pytest.raises(InputError, match=r"not trained|not fitted|not chosen"):
        model(_inputs(Regime.B1))


def _inputs(regime: Regime) -> Inputs:
    return build_inputs(sample(SMALL), SMALL, regime)


# --------------------------------------------------------------------- classical estimates


def _histories(rows: int, quarters: int, seed: int = 0) -> np.ndarray:
    """Stable VAR(3) paths with very different scales of the three series, float32."""
    rng = np.random.default_rng(seed)
    out = np.zeros((rows, quarters + 50, 3))
    for r in range(rows):
        lags = [np.diag(rng.uniform(0.2, 0.6, 3)), rng.normal(0, 0.1, (3, 3)), np.eye(3) * 0.2]
        impact = np.tril(rng.normal(0, 1, (3, 3)))
        for t in range(3, quarters + 50):
            past = sum(a @ out[r, t - 1 - j] for j, a in enumerate(lags))
            out[r, t] = past + impact @ rng.normal(size=3)
    return (out[:, 50:] * [1.0, 100.0, 0.01] + [5.0, 0.0, -1.0]).astype(np.float32)


# Normal equations in float64 on standardised series of this kind lose some six of sixteen digits.
EXACT = {"rtol": 1e-8, "atol": 1e-10}


@pytest.mark.fast
@pytest.mark.parametrize("quarters", [40, 120])
def test_the_summary_is_statsmodels_var_4(quarters: int) -> None:
    history = _histories(4, quarters)
    ours = summarise(torch.as_tensor(history)).numpy()
    for row, path in enumerate(history.astype(np.float64)):
        result = StatsmodelsVAR(path).fit(4)
        factor = np.linalg.cholesky(result.sigma_u)
        expected = [
            *result.intercept,
            *result.coefs.ravel(),
            *np.log(np.diag(factor)),
            *(factor[1, 0], factor[2, 0], factor[2, 1]),
        ]
        np.testing.assert_allclose(ours[row], expected, **EXACT)


@pytest.mark.fast
def test_lags_and_orthogonalised_responses_are_statsmodels() -> None:
    history = _histories(6, 90, seed=1)
    estimates = estimate(torch.as_tensor(history))
    responses = (
        moving_average(estimates.coefficients, 12) @ candidates(estimates.covariance)[:, None]
    )
    for row, path in enumerate(history.astype(np.float64)):
        # From one lag on: without lags there is no response to speak of.
        bic = StatsmodelsVAR(path).select_order(8).ics["bic"][1:]
        lags = int(np.argmin(bic)) + 1
        assert estimates.lags[row] == lags
        for place, ordering in enumerate(ORDERINGS):
            expected = StatsmodelsVAR(path[:, ordering]).fit(lags).irf(12).orth_irfs
            ours = responses[row, :, :, 3 * place : 3 * place + 3].numpy()[:, ordering]
            np.testing.assert_allclose(ours, expected, **EXACT)
    assert len(set(estimates.lags.tolist())) > 1


@pytest.mark.fast
@pytest.mark.parametrize("regime", [Regime.B1, Regime.C, Regime.D])
def test_forecasts_are_statsmodels_and_use_no_innovations(regime: Regime) -> None:
    fields = sample(SMALL)
    inputs = build_inputs(fields, SMALL, regime, Task.trajectory, now=150, history_length=90)
    ours = VARConfig().build(SPECS, 12).forecast(inputs)
    lags = estimate(inputs.history).lags
    for row, path in enumerate(inputs.history.double().numpy()):
        fit = StatsmodelsVAR(path).fit(int(lags[row]))
        expected = fit.forecast(path[-int(lags[row]) :], inputs.ahead)
        # float32 out
        np.testing.assert_allclose(ours[row].numpy(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.fast
def test_local_projections_are_least_squares_and_start_as_the_var() -> None:
    history = _histories(3, 90, seed=2)
    lags = 2
    ours = local_projections(torch.as_tensor(history), lags, 20).numpy()
    for row, path in enumerate(history.astype(np.float64)):
        phi = StatsmodelsVAR(path).fit(lags).irf(1).irfs
        np.testing.assert_allclose(ours[row, :2], phi, **EXACT)  # Jorda (2005), section I
        for h in (2, 20):
            now = np.arange(lags - 1, len(path) - h)
            x = np.column_stack([np.ones(len(now)), *(path[now - j] for j in range(lags))])
            expected = np.linalg.lstsq(x, path[now + h], rcond=None)[0][1:4].T
            np.testing.assert_allclose(ours[row, h], expected, **EXACT)


@pytest.mark.fast
def test_histories_too_short_for_a_local_projection_are_refused() -> None:
    history = torch.as_tensor(_histories(1, 40))
    with pytest.raises(InputError, match="too few"):
        local_projections(history, 2, 33)
    assert torch.isfinite(local_projections(history, 2, 31)).all()


@pytest.mark.fast
def test_a_series_that_does_not_move_is_refused_by_the_var_and_finite_in_the_summary() -> None:
    history = torch.as_tensor(_histories(3, 60))
    clean = summarise(history)
    history[1, :, 2] = 0.1
    summary = summarise(history)
    assert torch.isfinite(summary).all()
    assert torch.equal(summary[[0, 2]], clean[[0, 2]])
    with pytest.raises(InputError, match="1 of 3 rows, the first 1"):
        estimate(history)
    history[1, 5, 0] = torch.nan
    with pytest.raises(InputError, match="not finite in 1 of 3 rows"):
        summarise(history)


@pytest.mark.fast
def test_summaries_are_standardised_by_all_rows_seen() -> None:
    inputs = [build_inputs(sample(SMALL, 30, seed=s), SMALL, Regime.B1) for s in (0, 1)]
    summaries = Summaries(SPECS)
    for part in inputs:
        summaries.update(part)
    both = torch.cat([summaries(part) for part in inputs]).double()
    torch.testing.assert_close(both.mean(dim=0), torch.zeros(45).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(
        both.std(dim=0, correction=0), torch.ones(45).double(), atol=1e-6, rtol=0
    )


# --------------------------------------------------------------------- the var world


@cache
def _var_world(rows: int, quarters: int, seed: int) -> Answered:
    """Long histories of the `var` world and its true responses, simulated once for all models."""
    world, rng = get_world("var"), np.random.default_rng(seed)
    theta = world.sample_parameters(rows, rng)
    path = world.simulate(theta, rng.standard_normal((rows, quarters + 100, 3))).observables
    inputs = Inputs(
        world="var",
        shocks=world.shock_names,
        task=Task.steady_state,
        size=torch.ones(rows, 3),
        history=torch.as_tensor(path[:, 100:], dtype=torch.float32),
    )
    return inputs, torch.as_tensor(world.irf(theta, 16).values, dtype=torch.float32)


@pytest.mark.slow
@pytest.mark.parametrize("config", [VAR, VAR_FITTED, LP, BVAR, INFORMED])
def test_the_truth_of_the_var_world_is_found_as_histories_grow(config: ModelConfigBase) -> None:
    errors = {}
    for quarters in (200, 1800, 16200):
        model = config.build([get_world("var").spec], 16)
        known = _var_world(40, quarters, 1)  # more than the informed prior's 36 coefficients
        model.fit("var", known, [known])
        inputs, truth = _var_world(30, quarters, 2)
        errors[quarters] = float((model(inputs) - truth).square().mean().sqrt())
    # Sampling errors fall with the root of the length: by 3 for 9 times the quarters; BIC's missing
    # second lag at 200 quarters and the luck of 30 draws leave it between 2 and 4.5.
    assert 2 < errors[200] / errors[1800] < 4.5
    assert 2 < errors[1800] / errors[16200] < 4.5


@pytest.mark.slow
def test_the_recursive_ordering_of_the_var_world_is_chosen() -> None:
    model = VAR.build([get_world("var").spec], 16)
    known = _var_world(30, 2000, 1)
    model.fit("var", known, [known])
    impact = torch.tensor([[0.7, 0.0, 0.0], [0.2, 0.5, 0.0], [-0.3, 0.4, 0.9]]).double()
    found = model.shocks["var_steady_state"](impact[None] @ impact.T, rotated=False)[0]
    torch.testing.assert_close(found, impact, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_local_projections_and_the_var_agree_in_long_samples() -> None:
    history = _var_world(10, 40_000, 3)[0].history
    assert history is not None
    estimates = estimate(history)
    assert (estimates.lags == 2).any()
    var, lp = moving_average(estimates.coefficients, 8), local_projections(history, 2, 8)
    two = estimates.lags == 2
    # Both are consistent (Plagborg-Moller and Wolf 2021, Econometrica 89(2)). The s.d. of a
    # coefficient is that of a residual over that of a series, up to six, over sqrt(40,000); five
    # of them are allowed.
    assert (var - lp)[two].abs().max() < 6 * 5 / 40_000**0.5
    assert (var - lp)[two][:, 2:].abs().max() > 0


# --------------------------------------------------------------------- training


def _type(config: ModelConfigBase) -> str:
    kind = config.type.removeprefix("baseline_")
    return kind + {id(VAR_FITTED): "_fitted", id(INFORMED): "_informed"}.get(id(config), "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "regime"),
    [
        *((config, regime) for config in (GRU, LINEAR, MLP) for regime in ("A", "B1", "C")),
        *((config, "B1") for config in (VAR, VAR_FITTED, LP, BVAR, INFORMED)),
        *((config, "B2") for config in (GRU, MLP)),
    ],
    ids=lambda value: value if isinstance(value, str) else _type(value),
)
def test_weights_on_disk_score_on_validation_what_training_logged(
    config: ModelConfigBase, regime: str, dataset_path: Path, dataset: Dataset, tmp_path: Path
) -> None:
    run = run_config(
        dataset_path,
        model=config.model_dump(),
        data={"regime": regime},
        training={"epochs": 1},
    )
    assert train(run, tmp_path / "run")
    logged = json.loads((tmp_path / "run" / "train_log.jsonl").read_text().splitlines()[-1])
    model = load_weights(tmp_path / "run").model
    for world in dataset.worlds:
        scored = score_model(model, dataset, Question(world, Regime(regime)), "val")
        frame = statistics(scored)
        nrmse = (np.sqrt(frame["mse"]) / frame["sigma"]).mean()
        # The loss keeps a floor of 1e-4 under the root, and is float32.
        assert nrmse == pytest.approx(logged[f"val_{world}"], abs=1e-4)

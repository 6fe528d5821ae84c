"""`emulator.estimate`: posteriors, evidence and averaged responses, kept and gone on with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import emulator
from emulator.errors import InputError, UnknownNameError
from emulator.estimation import posterior, runs
from emulator.estimation.diagnostics import effective_size, evidence, probabilities, r_hat
from emulator.estimation.estimate import Estimates, _averaged
from emulator.estimation.estimates_on_disk import RESULTS
from emulator.estimation.likelihoods import log_likelihood
from emulator.estimation.predictive import autocovariances
from emulator.estimation.runs import target_of


@pytest.fixture(scope="module")
def history() -> np.ndarray:
    world = emulator.get_world("nk")
    eps = np.random.default_rng(3).normal(size=(1, 160, 3))
    values = world.simulate(world.pack(), eps).observables[0, -60:].copy()
    values[:5, 2] = np.nan
    return values


@pytest.fixture(scope="module")
def found(history: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> tuple[Estimates, Path]:
    folder = tmp_path_factory.mktemp("estimates") / "us"
    options = {"draws": 200, "runs": 2, "forecast": 3, "output": folder}
    return emulator.estimate(["nk", "rbc"], history, **options), folder


@pytest.mark.slow
def test_the_world_that_made_the_data_has_the_evidence(found: tuple[Estimates, Path]) -> None:
    estimates, _ = found
    nk = estimates["nk"]
    assert estimates.probabilities["nk"] > 0.99
    assert sum(estimates.probabilities.values()) == pytest.approx(1.0)
    assert nk.draws.shape == (2, 100, 12)
    assert nk.bands.quantiles.shape == (3, 41, 3, 5)
    assert (np.diff(nk.bands.quantiles, axis=-1) >= 0.0).all()
    table = nk.table
    assert (table["sd"] > 0).all()
    assert (table["ess"] <= 200).all()
    truth = emulator.get_world("nk").pack()
    held = (table["q05"] <= truth) & (truth <= table["q95"])
    assert held.mean() > 0.6
    assert nk.posterior.sizes == {"chain": 2, "draw": 100}


@pytest.mark.slow
def test_responses_are_averaged_over_the_worlds_that_have_the_shock(
    found: tuple[Estimates, Path],
) -> None:
    estimates, _ = found
    assert set(estimates.averaged) == {"monetary"}
    together = estimates.averaged["monetary"]
    shares = [estimates.probabilities[name] for name in ("nk", "rbc")]
    means = [
        one.bands.mean[one.bands.shocks.index("monetary")] for one in estimates.worlds.values()
    ]
    np.testing.assert_allclose(together.mean[0], np.tensordot(shares, means, axes=1), atol=1e-12)


@pytest.mark.slow
def test_worlds_are_averaged_beside_a_far_likelier_one_without_the_shock(
    found: tuple[Estimates, Path],
) -> None:
    estimates, _ = found
    pair = [replace(estimates["nk"], log_evidence=-9000.0), replace(estimates["rbc"],
            log_evidence=-9001.0)]  # fmt: skip
    values = {
        one.spec.name: emulator.get_world(one.spec.name).irf(one.theta).values for one in pair
    }
    likely = replace(pair[0], spec=emulator.get_world("lss").spec, log_evidence=0.0)
    alone = _averaged(pair, values)
    beside = _averaged([*pair, likely], values)
    assert set(alone) == set(beside) == {"monetary"}
    np.testing.assert_array_equal(beside["monetary"].mean, alone["monetary"].mean)
    share = 1.0 / (1.0 + np.exp(-1.0))
    means = [values[one.spec.name].mean(axis=0)[one.spec.shock_names.index("monetary")]
             for one in pair]  # fmt: skip
    wanted = share * means[0] + (1.0 - share) * means[1]
    np.testing.assert_allclose(beside["monetary"].mean[0], wanted, atol=1e-12)


@pytest.mark.slow
def test_a_world_makes_data_like_its_own_and_another_does_not(
    found: tuple[Estimates, Path],
) -> None:
    estimates, _ = found
    nk, rbc = estimates["nk"].predictive, estimates["rbc"].predictive
    assert nk.observed.shape == (9, 3, 3)
    assert nk.outside[1] == 81
    assert nk.outside[0] < 20 < rbc.outside[0]


@pytest.mark.fast
def test_autocovariances_are_over_the_quarters_that_are_there() -> None:
    values = np.random.default_rng(1).standard_normal((2, 40, 3))
    found = autocovariances(values)
    centred = values[1] - values[1].mean(axis=0)
    np.testing.assert_allclose(found[1, 3], centred[3:].T @ centred[:-3] / 37)
    gaps = np.concatenate([values, np.full((2, 10, 3), np.nan)], axis=1)
    np.testing.assert_allclose(autocovariances(gaps), found)
    gaps[..., 2] = np.nan
    assert np.isnan(autocovariances(gaps)[:, :, 2]).all()


@pytest.mark.slow
def test_a_folder_holds_the_draws_and_the_results(found: tuple[Estimates, Path]) -> None:
    estimates, folder = found
    frame = pd.read_parquet(folder / "posterior-nk.parquet")
    assert np.array_equal(frame["phi_pi"].to_numpy(), estimates["nk"].theta[:, 3])
    data = json.loads((folder / RESULTS).read_text())
    assert data["worlds"]["nk"]["log_evidence"] == estimates["nk"].log_evidence
    assert data["worlds"]["nk"]["parameters"]["phi_pi"]["mean"] == pytest.approx(
        frame["phi_pi"].mean()
    )


@pytest.mark.slow
def test_a_folder_holds_the_history_by_shocks_and_forecasts(
    found: tuple[Estimates, Path], history: np.ndarray
) -> None:
    folder = found[1]
    with xr.open_dataset(folder / "quarters-nk.nc", engine="scipy") as kept:
        data = kept.load()
    assert list(data["component"].to_numpy()) == ["monetary", "demand", "cost_push", "before"]
    total = data["contribution"].sum("component").to_numpy()
    seen = ~np.isnan(history)
    np.testing.assert_allclose(total[seen], history[seen], atol=1e-8)
    np.testing.assert_allclose(data["share"].sum("shock"), 1.0)
    assert list(data["later_quarter"].to_numpy()) == ["61", "62", "63"]
    # one-step bands hold data that the world has made, about as often as they say
    low, high = (data["one_step_quantiles"].sel(quantile=q).to_numpy() for q in (0.05, 0.95))
    assert 0.8 < ((low < history) & (history < high))[seen].mean() < 0.98
    kept_too = json.loads((folder / RESULTS).read_text())["worlds"]["nk"]["forecast"]
    assert kept_too["rate"]["mean"] == pytest.approx(data["forecast"].to_numpy()[:, 2])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:\\nArviZ is undergoing:FutureWarning")
def test_arviz_reads_what_is_estimated(
    found: tuple[Estimates, Path], history: np.ndarray, tmp_path: Path
) -> None:
    arviz = pytest.importorskip("arviz")
    nk = found[0]["nk"]
    nk.to_datatree().to_netcdf(tmp_path / "nk.nc", engine="h5netcdf")
    read = arviz.from_netcdf(tmp_path / "nk.nc")
    summary = arviz.summary(read, kind="stats")
    assert summary.loc["phi_pi", "mean"] == pytest.approx(nk.table.loc["phi_pi", "mean"], abs=1e-3)
    np.testing.assert_array_equal(read["observed_data"]["history"], history)
    assert read["log_likelihood"]["history"].shape == (2, 100)
    assert read["posterior_predictive"]["history"].sizes["quarter"] == len(history)
    target = target_of(emulator.get_world("nk"), history, np.zeros(3))
    again = log_likelihood(target.world.solve(nk.theta[:5]), history, target.run_in)
    np.testing.assert_allclose(read["log_likelihood"]["history"][0, :5], again)


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_numbers(
    history: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = emulator.estimate("nk", history, draws=96, runs=2)
    advance, calls = posterior.advance, []

    def stopping(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return advance(*arguments)

    monkeypatch.setattr(posterior, "advance", stopping)
    with pytest.raises(KeyboardInterrupt):
        emulator.estimate("nk", history, draws=96, runs=2, output=tmp_path / "kept")
    monkeypatch.undo()
    kept = {"draws": 96, "runs": 2, "output": tmp_path / "kept"}
    with pytest.raises(InputError, match="--resume"):
        emulator.estimate("nk", history, **kept)
    with pytest.raises(InputError, match="another history, noise, seed"):
        emulator.estimate("nk", history, noise={"output": 0.1}, resume=True, **kept)
    again = emulator.estimate("nk", history, resume=True, **kept)
    assert np.array_equal(again["nk"].draws, whole["nk"].draws)
    assert again["nk"].log_evidence == whole["nk"].log_evidence
    stage = tmp_path / "kept" / "stages" / "nk-0.npz"
    stage.write_bytes(stage.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        emulator.estimate("nk", history, resume=True, **kept)


@pytest.mark.slow
def test_what_cannot_be_estimated_is_refused_before_any_work(
    history: np.ndarray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runs, "_work", lambda run: pytest.fail("work was begun"))
    for worlds, options, message in (
        (["nk", "nk"], {}, "different ones"),
        ([], {}, "one or more"),
        (["nk"], {"draws": 100}, "draws: expected at least 192"),
        (["nk"], {"runs": 0}, "runs"),
        (["nk"], {"forecast": -1}, "forecast: expected 0 to"),
        (["nk"], {"noise": {"output": -1.0}}, "s.d. of zero or more"),
        (["nk"], {"noise": {"output": 1e300}}, "s.d. of zero or more"),
        (["nk", "switching"], {}, "world 'switching': regimes .* start after the gaps"),
        (["zlb"], {"draws": 10}, "world 'zlb': no exact likelihood"),
        (["nk"], {"weights": ["nowhere"]}, "nowhere holds neither weights nor a posterior"),
    ):
        with pytest.raises(InputError, match=message):
            emulator.estimate(worlds, history, **options)
    with pytest.raises(UnknownNameError, match="output"):
        emulator.estimate("nk", history, noise={"outputs": 1.0})
    with pytest.raises(InputError, match="one history"):
        emulator.estimate("nk", np.stack([history, history]))
    with pytest.raises(InputError, match="expected its unit, percent"):
        emulator.estimate(["nk", "rbc"], 1e6 * history)
    (tmp_path / "config.yaml").touch()
    with pytest.raises(InputError, match="holds something else; name a new folder"):
        emulator.estimate("nk", history, output=tmp_path)


@pytest.mark.slow
def test_a_history_that_no_draw_makes_possible_is_refused(
    history: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "one.mod"
    path.write_text(
        "var y pi i; varexo e; parameters rho phi; rho = 0.7; phi = 1.4;\n"
        "model(linear); y = rho*y(-1) + e; pi = 0.5*y; i = phi*pi; end;\n"
        "shocks; var e; stderr 0.5; end;\n"
    )
    from emulator.worlds.dynare import from_dynare, write_world

    seen = {"output": "y", "inflation": "pi", "rate": "i"}
    write_world(from_dynare(path, observables=seen), tmp_path / "one.yaml")
    one = str(tmp_path / "one.yaml")
    with pytest.raises(InputError, match="has 1 shock for 3 series without noise"):
        emulator.estimate(one, history, draws=48)
    noisy = emulator.estimate(one, history, draws=48, noise={"inflation": 1.0, "rate": 1.0})
    assert np.isfinite(noisy["one"].log_evidence)


@pytest.mark.fast
def test_independent_draws_are_worth_their_number_and_copies_are_not() -> None:
    rng = np.random.default_rng(0)
    draws, own = rng.standard_normal((3, 400, 2)), np.tile(np.arange(400), (3, 1))
    assert (effective_size(draws, own) > 1000).all()
    copies, of = draws[:, own[0] // 4], own // 4
    assert effective_size(copies, of) == pytest.approx(300, rel=0.15)
    assert r_hat(draws) == pytest.approx(1.0, abs=0.01)
    assert (r_hat(draws + np.arange(3)[:, None, None]) > 1.3).all()
    assert np.isnan(r_hat(draws[:1])).all()


@pytest.mark.fast
def test_evidence_is_averaged_itself_and_its_error_carried_to_probabilities() -> None:
    mean, error = evidence([np.log(1.0) - 900, np.log(3.0) - 900])
    assert mean == pytest.approx(np.log(2.0) - 900)
    assert error == pytest.approx(np.sqrt(2.0) / np.sqrt(2.0) / 2.0)
    shares, errors = probabilities([-900.0, -900.0 + np.log(3.0)], [0.1, 0.0])
    assert shares == pytest.approx([0.25, 0.75])
    assert errors == pytest.approx([0.1 * 0.25 * 0.75] * 2)

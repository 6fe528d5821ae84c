"""Posteriors that start from a density, or are answered by it: the same evidence, and refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import emulator
from emulator.errors import InputError, WeightsError
from emulator.estimation import caveats, drawn, instant, learned, runs
from emulator.estimation.learned import Learned, at_once, starting, stretch, thinned
from emulator.estimation.posterior import Target, sample
from emulator.estimation.priors import OwnPrior
from emulator.estimation.runs import target_of
from emulator.models.densities import Density
from emulator.models.posteriors import DESCRIPTION, TENSORS, load_posterior, save_posterior
from emulator.models.summaries import count
from emulator.progress import silent
from emulator.worlds import get_world
from emulator.worlds.identity import identity
from tests.estimation.test_posterior import KnownPosterior, _exact


class Normal:
    """q = N(mean, sd^2 I)."""

    def __init__(self, mean: np.ndarray, sd: float) -> None:
        self.mean, self.sd, self.drawn = mean, sd, 0

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        self.drawn += count
        return self.mean + self.sd * rng.standard_normal((count, len(self.mean)))

    def log_ratio(self, z: np.ndarray) -> np.ndarray:
        log_q = -0.5 * np.square((z - self.mean) / self.sd).sum(axis=1) - z.shape[1] * np.log(
            self.sd
        )
        return -0.5 * np.square(z).sum(axis=1) - log_q


@pytest.fixture(scope="module")
def conjugate() -> tuple[Target, float, np.ndarray]:
    """A posterior that algebra gives: its evidence, and its mean in units of the prior."""
    world = KnownPosterior()
    rng = np.random.default_rng(0)
    a = 0.15 * rng.standard_normal(9)
    history = world.simulate(a[None], rng.standard_normal((1, 80, 3))).observables[0]
    mean, _, evidence = _exact(history)
    return Target(OwnPrior(world), history, 0), evidence, mean / 0.3


@pytest.mark.slow
def test_the_evidence_is_the_same_wherever_particles_start(
    conjugate: tuple[Target, float, np.ndarray],
) -> None:
    """From a density whose mean is off by half an s.d. of the prior, and too narrow or too wide."""
    target, evidence, mean = conjugate
    steps = {}
    for sd in (0.4, 1.2):
        start = Normal(mean + 0.3, sd)
        found = sample(replace(target, start=start), 500, np.random.default_rng(1))
        assert found.log_evidence == pytest.approx(evidence, abs=0.4)  # s.d. about .1
        sds = found.theta.std(axis=0)
        assert np.abs((found.theta.mean(axis=0) - 0.3 * mean) / sds).max() < 4 / np.sqrt(500)
        steps[sd] = found.steps
    assert steps[0.4] < sample(target, 500, np.random.default_rng(1)).steps


@pytest.mark.fast
def test_a_start_that_is_cut_by_the_prior_leaves_the_evidence(
    conjugate: tuple[Target, float, np.ndarray],
) -> None:
    """Half of the start lies where the prior admits nothing, and a third of the prior."""

    class Cut(OwnPrior):
        def admits(self, theta: np.ndarray, status: np.ndarray) -> np.ndarray:
            return theta[:, 0] < 0.13

    target = replace(conjugate[0], prior=Cut(conjugate[0].world), history=np.zeros((1, 3)))
    start = Normal(np.r_[0.13 / 0.3, np.zeros(8)], 1.0)
    z, log_share = replace(target, start=start).begin(4000, np.random.default_rng(2))
    assert (target.prior.theta(z)[:, 0] < 0.13).all()
    # of weights without a history the mean is one
    ratio = np.exp(start.log_ratio(z)).mean() * np.exp(log_share)
    assert ratio == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
def test_weighted_draws_have_the_evidence_too(
    conjugate: tuple[Target, float, np.ndarray],
) -> None:
    target, evidence, mean = conjugate
    begun = replace(target, start=Normal(mean, 0.5))
    found, worth = at_once(begun, 4000, np.random.default_rng(3))
    assert 50 < worth < 4000
    assert found.log_evidence == pytest.approx(evidence, abs=4 / np.sqrt(worth))
    fewer = thinned(found, 4, np.random.default_rng(4))
    assert len(fewer.theta) == 1000
    assert fewer.ancestors.max() < 1000
    for some in (found, fewer):
        off = (some.theta.mean(axis=0) - 0.3 * mean) / some.theta.std(axis=0)
        assert np.abs(off).max() < 4 / np.sqrt(worth)


@pytest.mark.fast
def test_a_mixture_with_the_prior_has_the_density_of_its_draws() -> None:
    torch.manual_seed(0)
    start = Learned(Density(2, count(), 4), torch.zeros(1, count()))
    for parameter in start.density.parameters():  # some density that is not the prior
        torch.nn.init.normal_(parameter, std=0.2)
    z = start.sample(4000, np.random.default_rng(4))
    weights = np.exp(start.log_ratio(z))  # of the prior over q: their mean is its mass, one
    assert weights.max() <= 10.0
    assert weights.mean() == pytest.approx(1.0, abs=4 * weights.std() / np.sqrt(len(z)))


@pytest.mark.fast
def test_the_longest_complete_stretch_is_read() -> None:
    history = np.arange(3.0 * 400).reshape(400, 3)
    assert len(stretch(history)) == 240
    history[100, 1] = np.nan
    history[180, 0] = np.nan
    assert np.array_equal(stretch(history), history[181:])
    with pytest.raises(InputError, match=r"40 complete quarters .*, the history has 2;"):
        stretch(history[98:102])


def _folder(folder: Path, name: str) -> Path:
    """A posterior of a world that has learned nothing."""
    world = get_world(name)
    torch.manual_seed(1)
    density = Density(len(world.parameters), count(), 4)
    folder.mkdir()
    save_posterior(folder, density, name, identity(world), world.parameter_names, {})
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("learned")
    return {name: _folder(root / name, name) for name in ("nk", "zlb")}


@pytest.fixture(scope="module")
def history() -> np.ndarray:
    world = get_world("nk")
    eps = np.random.default_rng(3).normal(size=(1, 160, 3))
    return np.asarray(world.simulate(world.pack(), eps).observables[0, -44:])


@pytest.mark.slow
def test_instant_draws_are_marked_as_such(
    history: np.ndarray, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"weights": [folders["nk"]], "instant": True, "draws": 400, "runs": 2, "horizon": 4}
    few = emulator.estimate("nk", history, **asked)["nk"]
    assert few.instant is not None
    assert few.instant.proposed == 1600
    assert few.instant.read == 44
    assert not few.instant.corrected  # of prior draws few make the history likely
    assert few.caveats[0].startswith("instant, not corrected: ")
    assert np.isnan(few.log_evidence)
    assert np.isnan(few.log_likelihood).all()
    with monkeypatch.context() as patch:
        patch.setattr(instant, "ENOUGH", 1.0)
        output = tmp_path / "us"
        found = emulator.estimate("nk", history, **asked, output=output)["nk"]
    assert found.instant is not None
    assert found.instant.corrected
    assert found.caveats[0].startswith("instant, corrected: ")
    assert np.isfinite(found.log_evidence)
    assert np.isfinite(found.log_likelihood).all()
    said = json.loads((output / "estimate.json").read_text())["worlds"]["nk"]
    assert said["instant"] == vars(found.instant)
    again = emulator.estimate("nk", history, **asked)["nk"]
    assert np.array_equal(few.draws, again.draws)


@pytest.mark.slow
def test_instant_draws_stopped_go_on_to_the_same_numbers(
    history: np.ndarray, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the second run of weighted draws, then in the second of those not corrected."""
    target = target_of(get_world("nk"), history, np.zeros(3))
    jobs = [
        runs.Run(
            "nk", (), str(folders["nk"]), history, np.zeros(3), 60, 1, k, tmp_path / f"{k}.npz"
        )
        for k in range(2)
    ]
    told: list[tuple[int, int]] = []
    whole, said = instant.answer(
        target, [replace(job, kept=None) for job in jobs], lambda d, t, _: told.append((d, t))
    )
    assert told == [(k, 4) for k in range(5)]
    assert not said.corrected
    for name in ("at_once", "as_learned"):
        made, calls = getattr(learned, name), []

        def stopping(*arguments: object, made=made, calls=calls) -> object:
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return made(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(learned, name, stopping)
            with pytest.raises(KeyboardInterrupt):
                instant.answer(target, jobs, silent)
    with monkeypatch.context() as patch:
        patch.setattr(learned, "at_once", None)  # of which all is done
        again, said_again = instant.answer(target, jobs, silent)
    assert said_again == said
    for one, other in zip(whole, again, strict=True):
        assert np.array_equal(one.theta, other.theta)
    with pytest.raises(InputError, match="choice of instant"):
        runs._work(jobs[0])


@pytest.mark.fast
@pytest.mark.parametrize("effective", [None, 50.0, 5000.0])
def test_what_was_not_learned_is_said(
    conjugate: tuple[Target, float, np.ndarray], effective: float | None
) -> None:
    def said(target: Target, read: int) -> str:
        corrected = effective == 5000.0
        kind = instant.Instant(8000, read, effective, corrected)
        return caveats._of_instant(drawn.Drawn(target, target, [], instant=kind))[0]

    target = conjugate[0]
    whole = said(target, 80)
    assert "has read" not in whole
    assert "knows nothing" not in whole
    noisy = said(replace(target, noise=np.array([0.0, 0.1, 0.0])), 62)
    assert "has read 62 of these 80 quarters and knows nothing of the noise given" in noisy
    assert ("likelihoods of all quarters and the noise given" in noisy) == (effective == 5000.0)


@pytest.mark.slow
def test_without_an_exact_likelihood_draws_are_what_was_learned(
    history: np.ndarray, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emulator.estimation.predictive.REPLICATED", 10)
    monkeypatch.setattr("emulator.estimation.estimate.PRIOR_DRAWS", 50)
    asked = {"draws": 100, "runs": 1, "horizon": 2}
    with pytest.raises(InputError, match="no exact likelihood"):
        emulator.estimate("zlb", history, weights=[folders["zlb"]], **asked)
    asked |= {"instant": True, "weights": list(folders.values())}
    found = emulator.estimate("zlb", history, **asked | {"weights": [folders["zlb"]]})
    assert found.probabilities == {"zlb": 1.0}
    assert np.isnan(found["zlb"].log_evidence)
    assert "there is no exact likelihood to correct it by" in found["zlb"].caveats[0]
    with pytest.raises(InputError, match="ask for it alone"):
        emulator.estimate(["nk", "zlb"], history, **asked)
    with pytest.raises(InputError, match="without noise"):
        emulator.estimate(
            "zlb", history, noise={"rate": 0.1}, **asked | {"weights": [folders["zlb"]]}
        )


@pytest.mark.slow
def test_a_run_from_what_was_learned_goes_on_to_the_same_numbers(
    history: np.ndarray,
    folders: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("emulator.estimation.learned.LEAST_WORTH", 0.0)
    job = runs.Run(
        "nk", (), str(folders["nk"]), history, np.zeros(3), 60, 1, 0, tmp_path / "stages.npz"
    )
    whole = runs._work(job)[1]
    again = runs._work(job)[1]  # from its last stage
    assert np.array_equal(whole.theta, again.theta)
    with pytest.raises(InputError, match="another history"):
        runs._work(replace(job, start=None))
    unkept = runs._work(replace(job, kept=None))[1]
    assert np.array_equal(whole.theta, unkept.theta)


@pytest.mark.slow
def test_particles_start_from_the_prior_where_what_was_learned_is_far_off(
    conjugate: tuple[Target, float, np.ndarray],
) -> None:
    target, _, mean = conjugate
    for shift, near in ((0.0, True), (3.0, False)):
        start = Normal(mean + shift, 0.5)
        some = starting(target, start, 400, np.random.default_rng(5))  # type: ignore[arg-type]
        assert (some.start is start) is near


@pytest.mark.slow
def test_what_cannot_be_is_refused(
    history: np.ndarray, folders: dict[str, Path], tmp_path: Path
) -> None:
    def ask(worlds: str, **more: object) -> None:
        emulator.estimate(worlds, history, draws=100, runs=1, **more)  # type: ignore[arg-type]

    with pytest.raises(InputError, match="`emulator adapt rbc --from-data` trains one"):
        ask("rbc", instant=True)
    with pytest.raises(InputError, match="a posterior of another world than rbc"):
        ask("rbc", weights=[folders["nk"]])
    with pytest.raises(InputError, match="holds no posterior from data"):
        ask("nk", weights=[folders["nk"], "pretrained"], instant=True)
    with pytest.raises(InputError, match="world 'hank' is dear to solve"):
        ask("hank", weights=[_folder(tmp_path / "hank", "hank")], instant=True)
    other = _folder(tmp_path / "other", "nk")
    found = load_posterior(other)
    save_posterior(other, found.density, "nk", "another", found.names, {})
    with pytest.raises(InputError, match="another version of world 'nk'"):
        ask("nk", weights=[other])
    data = (other / TENSORS).read_bytes()
    (other / TENSORS).write_bytes(data[:-4])
    with pytest.raises(WeightsError, match="altered or truncated"):
        load_posterior(other)
    (other / DESCRIPTION).write_text("{}")
    with pytest.raises(WeightsError, match=r"damaged|altered"):
        load_posterior(other)
    with pytest.raises(WeightsError, match="--instant"):
        emulator.load(folders["nk"])

"""What an estimate is asked for, checked before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from emulator.errors import InputError, unknown_name
from emulator.estimation.likelihoods import has_likelihood, log_likelihood
from emulator.estimation.posterior import Target
from emulator.inference.histories import Observed
from emulator.limits import MAX_HORIZON
from emulator.specs import OBSERVABLE_NAMES
from emulator.worlds.base import FloatArray


class Asked(NamedTuple):
    """Which responses are shown: scaled to the impact of the observable at a place, and summed; and
    the quarters of the history and its forecasts."""

    horizon: int
    impact: tuple[int, float] | None
    summed: tuple[str, ...]
    quarters: tuple[str, ...]


def asked_of(
    horizon: int,
    normalize: Mapping[str, float] | None,
    cumulate: Sequence[str],
    forecast: int,
    observed: Observed,
) -> Asked:
    for name in (*(normalize or {}), *cumulate):
        if name not in OBSERVABLE_NAMES:
            raise unknown_name("observable", name, OBSERVABLE_NAMES)
    if len(normalize or {}) > 1:
        raise InputError("normalize: expected one observable and its impact")
    impacts = [(OBSERVABLE_NAMES.index(name), value) for name, value in (normalize or {}).items()]
    if any(not 0.0 < abs(value) < 1e6 for _, value in impacts):
        raise InputError("normalize: expected an impact other than zero")
    if not 0 <= forecast <= MAX_HORIZON:
        raise InputError(f"forecast: expected 0 to {MAX_HORIZON} quarters, got {forecast}")
    impact = impacts[0] if impacts else None
    return Asked(horizon, impact, tuple(cumulate), observed.quarters(forecast))


def noise_of(noise: Mapping[str, float] | None) -> FloatArray:
    """S.d.s (3,) of the observables."""
    sds = np.zeros(len(OBSERVABLE_NAMES))
    for name, value in (noise or {}).items():
        if name not in OBSERVABLE_NAMES:
            raise unknown_name("observable with noise", name, OBSERVABLE_NAMES)
        if not 0.0 <= value <= float(np.finfo(np.float32).max):  # as of histories
            raise InputError(f"noise of {name}: expected an s.d. of zero or more, got {value}")
        sds[OBSERVABLE_NAMES.index(name)] = value
    return sds


def sorted_folders(
    targets: Mapping[str, Target], weights: tuple[str, ...], instant: bool
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Folders of networks that answer, and those of learned posteriors by the worlds they are of;
    of several of one world the last counts. Raises InputError where one is of no use."""
    learned: list[str] = []
    if weights:
        from emulator.models.posteriors import is_posterior
        from emulator.models.weights import DESCRIPTION_FILE, find_weights

        learned = [folder for folder in weights if is_posterior(folder)]
    networks = tuple(folder for folder in weights if folder not in learned)
    for folder in networks:
        if not (find_weights(folder) / DESCRIPTION_FILE).is_file():
            raise InputError(
                f"weights: {folder} holds neither weights nor a posterior from data; name the "
                "folder of a run that has ended"
            )
    starts: dict[str, str] = {}
    for folder in learned:
        from emulator.estimation.learned import read, stretch

        of = {}
        for name, target in targets.items():
            if read(folder, target.world).world == target.world.name:
                stretch(target.history)
                of[name] = folder
        if not of:
            raise InputError(
                f"weights: {folder} holds a posterior of another world than {', '.join(targets)}; "
                "leave it out"
            )
        starts |= of
    if instant:
        if lacking := [name for name in targets if name not in starts]:
            raise InputError(
                f"instant: needs a posterior of world {lacking[0]!r} among the weights; "
                f"`emulator adapt {lacking[0]} --from-data` trains one"
            )
        if dear := [name for name, target in targets.items() if target.world.dear]:
            raise InputError(
                f"instant: world {dear[0]!r} is dear to solve, and every draw would be solved; "
                "leave out instant, and the sampler starts from the posterior"
            )
        if networks:
            raise InputError(
                f"instant: {networks[0]} holds no posterior from data; leave it out, or leave out "
                "instant"
            )
    return networks, starts


def check(targets: Mapping[str, Target], draws: int, runs: int, instant: bool) -> None:
    """Refuse, before any work, what would fail in the midst of it."""
    if runs < 1:
        raise InputError(f"runs: expected 1 or more, got {runs}")
    for target in targets.values():
        world = target.world
        solution = world.solve(world.pack()[None])
        if instant and not has_likelihood(solution):
            _check_alone(target, len(targets))
        else:
            # Says so where it has none, or none of a history with gaps.
            quarter = int(np.isnan(target.history).any(axis=1).argmax())
            some = target.history[quarter : quarter + 1]
            try:
                log_likelihood(solution, some, 0, target.noise)
            except InputError as error:
                raise InputError(f"world {world.name!r}: {error}") from None
        fewest = 4 * len(target.prior.names) * runs
        if draws < fewest:
            raise InputError(
                f"draws: expected at least {fewest} for the {len(target.prior.names)} parameters "
                f"of world {world.name!r} in {runs} runs, got {draws}"
            )


def _check_alone(target: Target, worlds: int) -> None:
    """Refuse what only an exact likelihood could answer."""
    name = target.world.name
    if worlds > 1:
        raise InputError(
            f"world {name!r} has no exact likelihood, and so no evidence to compare worlds by; "
            "ask for it alone"
        )
    if target.noise.any() or np.isnan(target.history).any():
        raise InputError(
            f"world {name!r} has no exact likelihood, and posteriors from data are of complete "
            "histories without noise; leave out noise, and start after the gaps"
        )


def dear_by(targets: Mapping[str, Target], weights: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The weights by the worlds that they stand in for: of those that are dear to solve, these or,
    where none are given, those shipped for the world. Raises InputError for weights that are of no
    use."""
    dear = [name for name, target in targets.items() if target.world.dear]
    if weights and not dear:
        raise InputError(
            f"weights: none of {', '.join(targets)} is dear to solve; leave them out, and have "
            "exact answers"
        )
    if not dear or weights:
        return dict.fromkeys(dear, weights)
    from emulator.models.weights import PRETRAINED, single_worlds

    shipped = single_worlds()
    return {name: (str(PRETRAINED / name),) for name in dear if name in shipped}

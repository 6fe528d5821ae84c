"""`load` and the emulator it returns: a trained model behind names and units."""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from emulator.errors import InputError, UnknownNameError, WeightsError, unknown_name
from emulator.inference import few
from emulator.inference.arguments import Theta, check_horizon, check_size, pack
from emulator.inference.folded import Folded
from emulator.inference.histories import History, observe
from emulator.inference.likeness import likeness
from emulator.inference.request import Request
from emulator.inference.response import Response
from emulator.inference.signatures import takes
from emulator.inference.trust import check_bands, judge
from emulator.limits import QUANTILES
from emulator.models.base import Model, ResponseScales
from emulator.models.described import taught
from emulator.models.from_parameters import FromParameters
from emulator.models.plain import plain_torch
from emulator.models.universal import Universal
from emulator.models.weights import find_weights, load_weights, single_worlds
from emulator.regimes import Inputs, Regime, Task
from emulator.specs import MACRO_OBSERVABLES, WorldSpec

if TYPE_CHECKING:
    import xarray as xr

# Draws a forward pass; bounds memory beyond the answer's own, does not change the result. Histories
# need the most: their regressions and last quarters.
DRAWS_AT_ONCE, HISTORIES_AT_ONCE = 4096, 256
DIRECT_AT_ONCE = 1024  # draws answered without torch, in float64

# Draws from which on compiled code answers (direct.py). The first time on a machine it is compiled,
# which takes longer than NumPy (few.py) takes for as many; it is kept.
MANY = 256

Answering: TypeAlias = Callable[
    [NDArray[np.float64], NDArray[np.float64], int], NDArray[np.float64]
]

NOT_FINITE = "the emulator gives no finite response here; check the parameters"

# What is given decides the regime: theta alone A, theta and history C, ...
REGIMES = {
    (True, True, False): Regime.A,
    (True, True, True): Regime.C,
    (True, False, True): Regime.B1,
    (False, False, True): Regime.B2,
}


def load(path: str | os.PathLike[str] | None = None) -> Emulator:
    """The emulator in a weights or run folder; without a path, the shipped one.

    A name without a folder of that name is looked for among the shipped weights. A world file
    beside weights that know its world is found by the world's name from then on. Raises
    WeightsError when there is none, or a file is altered, truncated or does not fit.
    """
    if path is not None and not isinstance(path, (str, os.PathLike)):
        raise WeightsError(f"weights: expected the name of a folder, got {reprlib.repr(path)}")
    folder = find_weights(path)
    loaded = load_weights(folder)
    paths = {name: folder / f"{name}.yaml" for name in loaded.model.specs}
    files = {name: str(path.absolute()) for name, path in paths.items() if path.is_file()}
    if files:
        from emulator.worlds.registry import find_beside  # most weights need no worlds

        find_beside(folder, loaded.model.specs)
    known = {"weights_sha256": loaded.sha256, "world_files": files}
    return Emulator(loaded.model, {**loaded.provenance, **known})


def unknown_world(world: object, known: Sequence[str]) -> UnknownNameError:
    """The error for a world that weights do not know; of one that is there all the same it says
    where its responses are."""
    from emulator.worlds import get_world, has_world

    if not isinstance(world, str) or not has_world(world):
        return unknown_name("world of these weights", world, known)
    get_world(world)  # a file that is no world says so
    if world in single_worlds():
        return UnknownNameError(
            f"world {world!r}: these weights know {', '.join(known)}; load({world!r}) has those "
            "that are shipped for it, load_bank() all that are shipped"
        )
    return UnknownNameError(
        f"world {world!r}: these weights know {', '.join(known)}; train some that know it with "
        f"emulator adapt {world}, or see its exact responses with emulator compare --exact "
        f"--worlds {world}, in Python emulator.get_world({world!r}).irf"
    )


class _Kept(NamedTuple):
    """What a network folds to, as long as nobody writes to its tensors or puts others there.

    tensors: each with the store and name that hold it, and how often it had been written to.
    """

    network: torch.nn.Module
    tensors: tuple[tuple[dict[str, Any], str, torch.Tensor, int], ...]
    folded: Folded

    @classmethod
    def of(cls, network: FromParameters, scales: ResponseScales) -> _Kept:
        stores = [
            store
            for module in (*network.modules(), *scales.modules())
            for store in (module._parameters, module._buffers)
        ]
        tensors = tuple(
            (store, name, tensor, tensor._version)
            for store in stores
            for name, tensor in store.items()
            if tensor is not None
        )
        return cls(network, tensors, Folded.of(network, scales))

    def holds(self, network: torch.nn.Module) -> bool:
        return network is self.network and all(
            store.get(name) is tensor and tensor._version == version
            for store, name, tensor, version in self.tensors
        )


class Emulator:
    """A trained model behind names and units. Made by `load`."""

    def __init__(self, model: Model, provenance: Mapping[str, Any]) -> None:
        self.model = model.eval()
        self.provenance = dict(provenance)
        self._folded: dict[str, _Kept] = {}

    @property
    def worlds(self) -> tuple[str, ...]:
        """The worlds these weights know."""
        return tuple(self.model.specs)

    def of(self, world: str | None) -> Emulator:
        """The weights that answer for a world, as `Bank.of`: these."""
        return self

    def spec(self, world: str) -> WorldSpec:
        """Names, bounds and units of a world as the weights were trained on.

        Raises UnknownNameError; of a world that is there all the same it says where its exact
        responses are.
        """
        if not isinstance(world, str) or world not in self.worlds:
            raise unknown_world(world, self.worlds)
        return self.model.spec(world)

    @plain_torch()
    def respond(
        self,
        world: str | None = None,
        theta: Theta = None,
        *,
        shock: str | None = None,
        size: float = 1.0,
        horizon: int | None = None,
        history: History | None = None,
        bands: bool = False,
        simultaneous: bool = False,
        state_dependent: bool = False,
        check: bool = True,
    ) -> Response:
        """`irf` as plain arrays, draws and shocks always there; spares the import of xarray."""
        quarters, size = check_horizon(horizon, self.model.horizon), check_size(size)
        bands = bands or simultaneous
        if bands:
            check_bands(self.model, quarters)
        spec = None if world is None else self.spec(world)
        seen = None if history is None else observe(history)
        observed, single = (None, True) if seen is None else (seen.values, seen.single)
        values: NDArray[np.float64] | None = None
        if theta is not None or history is None:
            if spec is None:
                given = (
                    "theta means nothing without a world" if theta is not None else "none is given"
                )
                raise InputError(
                    f"world: {given}; name one of {', '.join(self.worlds)}, or answer from data "
                    "alone with history and shock"
                )
            values, one = pack(spec, theta)
            single = single and one
        regime = self._regime(spec, values, observed)
        if state_dependent and observed is None:
            raise InputError("state_dependent: needs the history that led to the state")
        shocks = self._shocks(spec, shock)
        task = Task.state_dependent if state_dependent else Task.steady_state
        if spec is not None and spec.linear:
            task = Task.steady_state  # the same response, and the task trained on
        request = Request(
            spec=spec or next(iter(self.model.specs.values())), shocks=shocks, regime=regime,
            task=task, size=size, horizon=quarters, bands=bands,
            simultaneous=simultaneous, shock=shock,
        )  # fmt: skip
        draws, observed_draws = _same_draws(values, observed)
        like = None if seen is None else likeness(seen, spec, self.model)
        caveats = judge(request, self.model, self.provenance, values, like, solve=check)
        point, quantiles = self._responses(request, draws, observed_draws)
        if quantiles is not None and size < 0:
            quantiles = quantiles[..., ::-1]  # the lowest quantile is the lowest again
        observables = MACRO_OBSERVABLES if spec is None else spec.observables
        attributes = {
            **self.provenance,
            "world": world or "",
            "size": size,
            "regime": regime.value,
            "from": "history" if state_dependent else "steady state",
            "units": {o.name: o.unit for o in observables},
            "caveats": caveats,
            "source": "emulator",
            **({} if like is None else like.to_attrs()),
        }
        if bands:
            curves = f"whole curves up to quarter {self.model.horizon}"
            attributes["bands_of"] = curves if simultaneous else "quarters"
        if shock is not None:
            attributes["shock"] = shock
        return Response(
            point if quantiles is None else quantiles, point, shocks if shock is None else (shock,),
            observables, QUANTILES if bands else (), single, attributes,
        )  # fmt: skip

    @takes(respond)
    def irf(self, *asked: Any, **options: Any) -> xr.DataArray:
        """Responses to shocks of `size` s.d.s.

        What is given decides the regime: theta (or nothing: the defaults) A; theta and a history C;
        a history alone B1; a history and no world B2, which needs a shock's name.

        theta: by names a mapping, Series, DataFrame or labelled DataArray (defaults for what is
        left out), or an array (P,) or (B, P). history: 40 quarters or more, a CSV file or a
        DataFrame with the columns output, inflation, rate, or an array (L, 3) or (B, L, 3), in the
        units of the worlds' observables, oldest first; of long ones the last 200 quarters are used.
        Dates, wherever it has any, must be one quarter after the other. What has names, of
        whatever library, is read by them, and what is masked is missing.
        One theta or history stands for all draws of the other. state_dependent: from where the
        history ends, instead of from the steady state. bands: quantiles (5, 25, 50, 75, 95 %)
        instead of the point estimate, each quarter's for itself; simultaneous: wider ones, whose
        bands hold whole curves, of one shock and observable up to the last quarter trained on, as
        often; of a shorter horizon they hold more. horizon: the last quarter, up to 80; None is the
        last one trained on, beyond which there are no bands.

        Returns dims (draw, shock, horizon, observable) and, with bands, quantile; single draws and
        shocks dropped. Units and provenance are in `attrs`, and so is what makes the answer less
        trustworthy than most: `caveats`, text that is empty where there is nothing to say, each
        caveat a name and a sentence. The names are those of `emulator.inference.trust.Caveat`.
        check: solve for the parameters, to know whether there is a solution and whether training
        left it out; without it the caveat `unchecked` says that nobody looked. Of many draws it
        takes up to sixteen times as long as the answer (`trust.judge`).
        Raises UnknownNameError or InputError.
        """
        return self.respond(*asked, **options).to_xarray()

    @plain_torch()
    def irf_torch(
        self,
        world: str,
        theta: torch.Tensor,
        *,
        size: float = 1.0,
        horizon: int | None = None,
        history: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The numbers of `irf` as a tensor (B, S, H+1, 3), differentiable in theta.

        theta: (B, P), physical units, on the model's device. history: (B, L, 3), 40 to 200
        quarters; given, the regime is C, otherwise A. The response from the steady state to all
        shocks of the world, in theta's precision (the network computes in float32). Shapes and
        names are checked, values are not: whatever makes `irf` add a caveat is the caller's to
        look for, quarters beyond `Emulator.model.horizon` included. What a layer of the network
        gives saturates, entry by entry, a quarter beyond the range that training rows gave. For
        gradients with respect to theta alone, `requires_grad_(False)` on `Emulator.model` saves
        work. Raises UnknownNameError or InputError.
        """
        quarters, size = check_horizon(horizon, self.model.horizon), check_size(size)
        spec = self.spec(world)
        columns = len(spec.parameters)
        for name, given in (("theta", theta), ("history", history)):
            if given is not None or name == "theta":
                _check_tensor(name, given)
        if theta.ndim != 2 or theta.shape[1] != columns:
            raise InputError(
                f"theta: world {world!r} has {columns} parameters, expected shape (B, {columns}), "
                f"got {tuple(theta.shape)}"
            )
        fields = {"theta": theta.float()}
        if history is not None:
            if history.ndim != 3 or history.shape[::2] != (len(theta), 3):
                raise InputError(
                    f"history: expected shape ({len(theta)}, L, 3), got {tuple(history.shape)}"
                )
            fields["trajectories"] = history.float()
        regime = Regime.A if history is None else Regime.C
        self.check_trained(regime)
        if not len(theta):
            return theta.new_zeros((0, len(spec.shocks), quarters + 1, 3))
        request = Request(spec, spec.shock_names, regime, size=size, horizon=quarters)
        (answer,) = self.model.answer([request.inputs(fields)], quarters, bands=False)
        return size * answer.response.to(theta.dtype)

    def _regime(
        self,
        spec: WorldSpec | None,
        theta: NDArray[np.float64] | None,
        history: NDArray[np.float64] | None,
    ) -> Regime:
        """The regime of what is given; InputError where the weights were not trained in it."""
        regime = REGIMES[spec is not None, theta is not None, history is not None]
        self.check_trained(regime)
        return regime

    def check_trained(self, regime: Regime) -> None:
        """Raise InputError where the weights were not trained in a regime."""
        known, trained = taught(self.provenance), self.provenance["regime"]
        if regime not in known:
            only = trained if len(known) == 1 else f"{trained}, and so far in {', '.join(known)}"
            raise InputError(
                f"these weights were trained in regime {only}; what is given makes this regime "
                f"{regime}, which needs weights trained in {regime} or all"
            )

    def _shocks(self, spec: WorldSpec | None, shock: str | None) -> tuple[str, ...]:
        """The shocks to answer for."""
        if spec is not None:
            if shock is not None and shock not in spec.shock_names:
                raise unknown_name(f"shock of world {spec.name!r}", shock, spec.shock_names)
            return spec.shock_names
        known = tuple(dict.fromkeys(n for s in self.model.specs.values() for n in s.shock_names))
        if shock is None:
            raise InputError(f"shock: without a world, name one of {', '.join(known)}")
        if shock not in known:
            raise unknown_name("shock", shock, known)
        return (shock,)

    @torch.no_grad()
    def _responses(
        self,
        request: Request,
        theta: NDArray[np.float64] | None,
        history: NDArray[np.float64] | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Responses (B, S, H+1, 3) and, with bands, their quantiles (B, S, H+1, 3, 5), by chunks.

        Of one shock alone, S = 1. Both are written in place: beside them there is never more than
        a chunk of draws.
        """
        answering = None if theta is None else self._without_torch(request, len(theta))
        known = None
        if theta is not None and answering is not None:
            known = _in_chunks(answering, request, theta)
            if not request.bands:
                return known, None
        given = {"theta": theta, "trajectories": history}
        rows = next(len(array) for array in given.values() if array is not None)
        wanted = None if request.shock is None else [request.shocks.index(request.shock)]
        alone = wanted is not None and self.model.config.shocks_apart
        chosen = slice(None) if wanted is None or alone else wanted
        number = len(request.shocks) if wanted is None else 1
        shape = (rows, number, request.horizon + 1, 3)
        point = np.empty(shape) if known is None else known
        quantiles = np.empty((*shape, len(QUANTILES))) if request.bands else None
        step = DRAWS_AT_ONCE if history is None else HISTORIES_AT_ONCE
        for first in range(0, rows, step):
            inputs = request.inputs(
                {
                    name: torch.tensor(array[first : first + step], dtype=torch.float32)
                    for name, array in given.items()
                    if array is not None
                }
            )
            if alone and request.shock is not None:
                inputs = inputs.to_one(request.shock)
            (answer,) = self.model.answer([inputs], request.horizon, bands=request.bands)
            chunk = slice(first, first + step)
            if known is None:
                _put(answer.response.numpy()[:, chosen], request.size, point[chunk])
            if quantiles is not None and answer.quantiles is not None:
                bands = self._bands(answer.quantiles, inputs, request)
                _put(bands.numpy()[:, chosen], request.size, quantiles[chunk])
        return point, quantiles

    def _bands(self, quantiles: torch.Tensor, inputs: Inputs, request: Request) -> torch.Tensor:
        """An answer's quantiles, or those of whole curves where they are asked for."""
        if not request.simultaneous:
            return quantiles
        curves = self.model.around_curves(quantiles, inputs)
        if curves is None:
            raise InputError(
                "simultaneous: how wide bands of whole curves are was not measured for this "
                "question, which takes 500 validation rows; ask for bands"
            )
        return curves

    def _without_torch(self, request: Request, draws: int) -> Answering | None:
        """What answers faster than torch, from the same weights, where that is asked which it
        answers: theta (B, P), sizes (B, S) and points to responses (B, S, points, 3). Bands
        come from torch."""
        model = self.model
        if request.regime is not Regime.A or request.horizon > model.horizon:
            return None
        if not isinstance(model, Universal):
            return None
        world = request.spec.name
        network = model.network(world)
        kept = self._folded.get(world)
        if kept is None or not kept.holds(network):
            kept = self._folded[world] = _Kept.of(network, model.scales(world))
        folded = kept.folded
        if draws < MANY or request.bands:
            return partial(few.respond, folded)
        from emulator.inference import direct  # compiled code, which few draws need not

        return partial(direct.respond, folded)


def _in_chunks(
    answering: Answering, request: Request, theta: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Responses (B, S, H+1, 3), of one shock alone with S = 1."""
    chosen = slice(None)
    if request.shock is not None:
        place = request.shocks.index(request.shock)
        chosen = slice(place, place + 1)

    def answer(first: int) -> NDArray[np.float64]:
        some = theta[first : first + DIRECT_AT_ONCE]
        size = np.full((len(some), len(request.shocks)), request.size)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused below
            return answering(some, size, request.horizon + 1)[:, chosen]

    out = answer(0)
    if len(theta) > DIRECT_AT_ONCE:
        first, out = out, np.empty((len(theta), *out.shape[1:]))
        out[:DIRECT_AT_ONCE] = first
        for start in range(DIRECT_AT_ONCE, len(theta), DIRECT_AT_ONCE):
            out[start : start + DIRECT_AT_ONCE] = answer(start)
    if request.size != 1.0:
        out *= request.size
    if not np.isfinite(out.sum()):
        raise InputError(NOT_FINITE)
    return out


def _put(values: NDArray[Any], size: float, out: NDArray[np.float64]) -> None:
    """Write responses per unit times the size. Raises InputError where they are not finite."""
    np.multiply(values, size, out=out, dtype=np.float64)
    if not np.isfinite(out).all():
        raise InputError(NOT_FINITE)


def _same_draws(
    theta: NDArray[np.float64] | None, history: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """One theta or history for all draws of the other; InputError where the numbers differ."""
    if theta is None or history is None or len(theta) == len(history):
        return theta, history
    # Views: a history for every one of a million draws would fill the memory.
    if len(history) == 1:
        return theta, np.broadcast_to(history, (len(theta), *history.shape[1:]))
    if len(theta) == 1:
        return np.broadcast_to(theta, (len(history), theta.shape[1])), history
    raise InputError(
        f"theta has {len(theta)} draws and history {len(history)}; give as many, or one of either"
    )


def _check_tensor(name: str, given: object) -> None:
    if not isinstance(given, torch.Tensor) or not given.is_floating_point():
        what = (
            f"a tensor of {given.dtype}"
            if isinstance(given, torch.Tensor)
            else type(given).__name__
        )
        raise InputError(f"{name}: expected a tensor of floating-point numbers, got {what}")

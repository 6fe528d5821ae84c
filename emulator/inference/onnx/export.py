"""`export_onnx`: from a model's answer to one request to a file.

The answer (traceable.py) is traced and translated, what a reader must know is written in
(description.py), and onnxruntime must answer what torch answers (comparison.py) before the file
takes its name.

Opset 18 is the one torch's exporter writes without conversion, and as old as that can be. It came
with version 8 of the file format; onnxruntime reads both since 1.14 (February 2023).
"""

from __future__ import annotations

import logging
import os
import reprlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from emulator.errors import DisagreementError, InputError, unknown_name
from emulator.inference.arguments import check_horizon
from emulator.inference.onnx.comparison import TOLERANCE, difference
from emulator.inference.onnx.traceable import Traceable
from emulator.inference.request import Request
from emulator.inference.trust import Found, check_bands, judge
from emulator.limits import MAX_HISTORY, MIN_HISTORY
from emulator.models.plain import plain_torch
from emulator.progress import Progress, silent
from emulator.regimes import CONTRACTS, Regime, Task
from emulator.storage import write_atomically

if TYPE_CHECKING:
    import onnx

    from emulator.inference.emulator import Emulator

SUFFIX = ".onnx"
REGIMES = (Regime.A, Regime.B1, Regime.C)
OPSET, FORMAT = 18, 8
NEEDS = ("onnx", "onnxscript")


@dataclass(frozen=True)
class Export:
    """What was written. inputs, outputs: their axes by name. difference: of
    onnxruntime's answers from torch's (comparison.py); None where onnxruntime is missing. caveats:
    of whatever the file answers."""

    path: Path
    bytes: int
    inputs: dict[str, list[str | int]]
    outputs: dict[str, list[str | int]]
    difference: float | None
    caveats: tuple[Found, ...]


@plain_torch()
def export_onnx(
    model: Emulator,
    world: str,
    path: str | os.PathLike[str],
    *,
    regime: str = Regime.A,
    horizon: int | None = None,
    bands: bool = False,
    state_dependent: bool = False,
    progress: Progress = silent,
) -> Export:
    """Write what a model answers for one world to an ONNX file.

    Inputs, float32: `theta` (draws, P) in regimes A and C, physical units in the order of the
    world's parameters; `size` (draws, S) in s.d.s where the world is nonlinear (otherwise the
    response is to one s.d.); `history` (draws, quarters, 3), 40 to 200 quarters, in B1 and C.
    Outputs: `response` (draws, S, H+1, 3) to the whole shock, in the observables' units, and with
    `bands` `quantiles` (draws, S, H+1, 3, 5). state_dependent: from where the history ends. The
    numbers of draws and quarters are free. horizon: the last quarter, up to 80; None is the last
    one trained on, beyond which there are no bands.

    Everything else a reader must know is in the file's `metadata_props`. Values are not checked by
    the file: bounds are the caller's. Raises UnknownNameError or InputError; DisagreementError
    where onnxruntime's answers are not torch's, whose message names the file with the rejected
    network; an earlier file at `path` is then left as it is.
    """
    target = _target(path)
    quarters = check_horizon(horizon, model.model.horizon)
    traceable = _traceable(model, world, regime, quarters, bands, state_dependent)
    caveats = judge(traceable.request, model.model, model.provenance)
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise InputError(
            f"{' and '.join(missing)} not installed, which writing ONNX files needs: "
            "pip install 'universal-macro-emulator[onnx]'"
        )
    from emulator.inference.onnx.description import axes, describe

    steps = 4
    progress(0, steps, "tracing")
    program = _traced(traceable)
    progress(1, steps, "translating")
    proto = _translated(program)
    describe(proto, traceable, model.provenance, caveats)
    data = proto.SerializeToString()
    progress(2, steps, "comparing")
    apart = None if find_spec("onnxruntime") is None else difference(data, traceable)
    progress(3, steps, "writing")
    target.parent.mkdir(parents=True, exist_ok=True)
    if apart is not None and not apart <= TOLERANCE:
        rejected = target.with_suffix(f".rejected{SUFFIX}")
        write_atomically(rejected, data)
        raise DisagreementError(
            f"{rejected}: onnxruntime's answers differ from torch's by {apart:.1e} of the "
            f"response's scale, more than {TOLERANCE:g}; do not use it ({target} was not written)"
        )
    write_atomically(target, data)
    progress(steps, steps, "")
    tensors = axes(proto.graph.input), axes(proto.graph.output)
    return Export(target, len(data), *tensors, apart, caveats)


def _target(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"path: expected the name of a file, got {reprlib.repr(path)}")
    target = Path(path)
    if target.suffix.lower() != SUFFIX or target.is_dir():
        raise InputError(f"path: expected a file name ending in {SUFFIX}, got {str(path)!r}")
    return target


def _traceable(
    model: Emulator, world: str, regime: str, horizon: int, bands: bool, state_dependent: bool
) -> Traceable:
    """What is to be exported; InputError where these weights do not answer it."""
    spec, network = model.spec(world), model.model
    if regime not in REGIMES:
        raise unknown_name("regime to export", regime, REGIMES)
    known = CONTRACTS[Regime(regime)]
    model.check_trained(Regime(regime))
    able = network.config
    if able.fitted_at_once:
        raise InputError(
            f"{type(network).__name__}: baselines fitted in closed form are not exported; whether "
            "they were fitted on what is given, and how, is decided while they answer"
        )
    if regime not in able.exports:
        raise InputError(
            f"{type(network).__name__}: with a history only universal models are exported; how "
            "baselines read it depends on the numbers (MLP) or on a length of whole years (GRU). "
            "Export regime A"
        )
    if bands:
        check_bands(network, horizon)
    if not able.any_horizon and horizon > network.horizon:
        raise InputError(
            f"horizon: this model answers up to {network.horizon} quarters, got {horizon}"
        )
    if state_dependent and not known.history:
        raise InputError("state_dependent: needs the history that led to the state, regime B1 or C")
    # In a linear world the response is the same from any state, and this is the task trained on.
    task = Task.state_dependent if state_dependent and not spec.linear else Task.steady_state
    request = Request(spec, spec.shock_names, Regime(regime), task, horizon=horizon, bands=bands)
    traceable = Traceable(network, request).eval()
    if known.history and not _reads_history(traceable):
        raise InputError(
            f"regime {regime}: given theta, these weights do not read the history for the response "
            "from the steady state, nor in a linear world: export regime A"
            + (", or the state-dependent response" if not spec.linear else "")
        )
    return traceable


@torch.no_grad()
def _reads_history(traceable: Traceable) -> bool:
    given = traceable.examples(2, MIN_HISTORY)
    other = {**given, "history": traceable.examples(2, MIN_HISTORY, seed=1)["history"]}
    return not torch.equal(traceable(**given)[0], traceable(**other)[0])


def _traced(traceable: Traceable) -> torch.export.ExportedProgram:
    """The answer as a graph, with the numbers of draws and quarters left open."""
    given = traceable.examples(3, 121)
    draws = torch.export.Dim("draws", min=1)
    quarters = torch.export.Dim("quarters", min=MIN_HISTORY, max=MAX_HISTORY)
    free = {name: {0: draws, 1: quarters} if name == "history" else {0: draws} for name in given}
    with _quietly(), _plain_attention(), torch.no_grad():
        # Strict, since only then do len() and the like keep a free axis free.
        return torch.export.export(traceable, (), kwargs=given, dynamic_shapes=free, strict=True)


def _translated(program: torch.export.ExportedProgram) -> onnx.ModelProto:
    """The graph in ONNX's operations, without the exporter's notes on this machine's files."""
    from onnx_ir.passes import Sequential, common
    from onnxscript.optimizer import fold_constants

    from emulator.inference.onnx.cholesky import TRANSLATIONS

    with _quietly():
        # The exporter's own passes look for patterns in every node, for longer than all the rest
        # takes; a graph without them answers as fast.
        translated = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            verbose=False,
            optimize=False,
            custom_translation_table=TRANSLATIONS,
        )
        assert translated is not None
        fold_constants(translated.model)
    Sequential(
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedOpsetsPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
    )(translated.model)
    proto: onnx.ModelProto = translated.model_proto
    proto.ir_version = FORMAT
    graph = proto.graph
    del proto.metadata_props[:], graph.metadata_props[:], graph.value_info[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    return proto


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what torch's exporter says of its own parts: deprecations, and operators of packages
    that are not installed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Without torch's fused attention, which ONNX has no operation for."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)

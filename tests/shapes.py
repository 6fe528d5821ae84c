"""Shape annotations, checked while tests run.

Modules import the words of shapes (jaxtyping) for type checkers and readers alone, since the import
costs some 50 ms beside the 130 of worlds. Here the modules named below are imported with those
words, and with every function, dataclass and named tuple checked by beartype as it is called.
Compiled kernels are left alone: numba takes plain functions.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Hashable, Sequence
from functools import cache, wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any, ForwardRef, get_type_hints

import beartype
import jaxtyping
import numpy as np
import torch
from beartype.door import is_bearable

CHECKED = (
    "emulator.adapt.draws",
    "emulator.adapt.histories",
    "emulator.estimation.bands",
    "emulator.estimation.correction",
    "emulator.estimation.diagnostics",
    "emulator.estimation.emulated",
    "emulator.estimation.estimate",
    "emulator.estimation.learned",
    "emulator.estimation.posterior",
    "emulator.estimation.priors",
    "emulator.estimation.quarter_by_quarter",
    "emulator.estimation.smoothing",
    "emulator.evaluation.metrics.calibration",
    "emulator.evaluation.metrics.coverage",
    "emulator.evaluation.metrics.crps",
    "emulator.evaluation.metrics.cumulative",
    "emulator.evaluation.metrics.half_life",
    "emulator.evaluation.metrics.hf_ratio",
    "emulator.evaluation.metrics.iae",
    "emulator.evaluation.metrics.nrmse",
    "emulator.evaluation.metrics.overshoot",
    "emulator.evaluation.metrics.peak",
    "emulator.evaluation.metrics.peak_time",
    "emulator.evaluation.metrics.relative_error",
    "emulator.evaluation.metrics.sign_at_impact",
    "emulator.evaluation.metrics.sign_flips",
    "emulator.evaluation.metrics.width",
    "emulator.evaluation.metrics.wrong_sign_at_peak",
    "emulator.evaluation.scoring.rough_histories",
    "emulator.models.bands",
    "emulator.models.base",
    "emulator.models.baselines.bvar",
    "emulator.models.baselines.gru",
    "emulator.models.baselines.history",
    "emulator.models.baselines.linear",
    "emulator.models.baselines.minnesota",
    "emulator.models.baselines.mlp",
    "emulator.models.baselines.summary",
    "emulator.models.baselines.tokens",
    "emulator.models.baselines.var",
    "emulator.models.blocks",
    "emulator.models.densities",
    "emulator.models.embeddings",
    "emulator.models.encoders",
    "emulator.models.from_parameters",
    "emulator.models.gated",
    "emulator.models.heads",
    "emulator.models.normalization",
    "emulator.models.regression",
    "emulator.models.rolled",
    "emulator.models.summaries",
    "emulator.models.trajectories",
    "emulator.models.trunk",
    "emulator.models.universal",
    "emulator.questions",
    "emulator.regimes",
    "emulator.worlds.base",
    "emulator.worlds.hank.equilibrium",
    "emulator.worlds.expected_paths",
    "emulator.worlds.linear",
    "emulator.worlds.population",
    "emulator.worlds.occasionally_binding",
    "emulator.worlds.rational_expectations",
    "emulator.worlds.realisation",
)


_PASSED: set[Hashable] = set()  # classes with shapes of their fields


def checked(function: Any) -> Any:
    """A function that refuses arrays of other shapes. Other types are its own to refuse: tests hand
    over wrong ones."""
    shapes = {name: hint for name, hint in function.__annotations__.items() if _is_shape(hint)}
    if not shapes:
        return function
    # Read here: what stands for the function below has not the names of its module.
    function.__annotations__ = {
        name: eval(hint, function.__globals__) if isinstance(hint, str) else hint
        for name, hint in shapes.items()
    }
    guarded = _guarded(function)
    passed: dict[Hashable, set[Hashable]] = {}  # answers' shapes by those of what was given

    @wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        if _is_traced():
            return function(*args, **named)
        given = _told(args), _told(named)
        if given not in passed:
            answer = guarded(*args, **named)
        else:
            answer = function(*args, **named)
            if _told(answer) not in passed[given]:
                _guarded(wraps(function)(lambda *_, **__: answer))(*args, **named)
        passed.setdefault(given, set()).add(_told(answer))
        return answer

    return call


def _guarded(function: Any) -> Any:
    return jaxtyping.jaxtyped(typechecker=beartype.beartype)(function)


def _told(value: Any) -> Hashable:
    """All that a check of shapes sees of a value: two that are told alike pass alike, so that the
    many calls of a training are compared with the first."""
    if isinstance(value, np.ndarray):
        return value.dtype.char, value.shape  # a dtype takes longer to hash
    if isinstance(value, torch.Tensor):
        return value.dtype, value.shape
    if isinstance(value, tuple | list):
        return type(value), *map(_told, value)
    if isinstance(value, dict):
        return tuple((key, _told(entry)) for key, entry in value.items())
    return value if isinstance(value, int | str) else type(value)


def checked_tuple(cls: type) -> type:
    """A named tuple that refuses fields of shapes that do not belong together."""
    make = cls.__new__

    @wraps(make)  # numba asks for the signature
    def new(kind: type, *args: Any, **named: Any) -> Any:
        made: Any = make(kind, *args, **named)
        _check(cls, made)
        return made

    cls.__new__ = new  # type: ignore[assignment]
    return cls


def checked_dataclass(cls: type) -> type:
    """A dataclass that does the same."""
    make = cls.__init__  # type: ignore[misc]

    @wraps(make)
    def init(self: Any, *args: Any, **named: Any) -> None:
        make(self, *args, **named)
        _check(cls, self)

    cls.__init__ = init  # type: ignore[misc]
    return cls


def _check(cls: type, made: Any) -> None:
    """TypeError where a field has another shape than its class says, given the fields before."""
    if _is_traced():
        return
    told = cls, *(_told(getattr(made, name)) for name in _shapes(cls))
    if told in _PASSED:
        return
    with jaxtyping.jaxtyped("context"):  # type: ignore[call-overload]
        for name, hint in _shapes(cls).items():
            value = getattr(made, name)
            if not is_bearable(value, hint):
                shape = tuple(getattr(value, "shape", ())) or type(value).__name__
                raise TypeError(f"{cls.__name__}.{name}: {shape}, expected {hint}")
    _PASSED.add(told)


@cache
def _shapes(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {name: hints[name] for name, hint in cls.__annotations__.items() if _is_shape(hint)}


def _is_shape(hint: Any) -> bool:
    text = hint.__forward_arg__ if isinstance(hint, ForwardRef) else str(hint)
    return "[np.ndarray, " in text or "[torch.Tensor, " in text


def _is_traced() -> bool:
    """Whether torch is making a graph, which knows nothing of checks."""
    return torch.compiler.is_compiling()


class _Checks(ast.NodeTransformer):
    """Adds a decorator to what can be checked, and the imports that are for type checkers."""

    def visit_If(self, node: ast.If) -> ast.AST:
        if ast.unparse(node.test) == "TYPE_CHECKING":
            node.test = ast.copy_location(ast.Constant(True), node.test)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if not any("compiled" in ast.unparse(d) for d in node.decorator_list):
            # Below the others: a property is no function any more.
            node.decorator_list.append(_name("checked", node))
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        if any("dataclass" in ast.unparse(d) for d in node.decorator_list):
            node.decorator_list.insert(0, _name("checked_dataclass", node))
        elif any(ast.unparse(base) == "NamedTuple" for base in node.bases):
            node.decorator_list.insert(0, _name("checked_tuple", node))
        return node


def _name(name: str, at: ast.AST) -> ast.expr:
    dotted = ast.parse(f"__import__('sys').modules[{__name__!r}].{name}", mode="eval").body
    for node in ast.walk(dotted):
        ast.copy_location(node, at)
    return dotted


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        """Compiled anew each time, so that the code with checks never reaches a cache."""
        path = self.get_filename(fullname)
        tree = _Checks().visit(ast.parse(self.get_data(path), path))
        return compile(tree, path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in CHECKED else None
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(name, spec.origin)
        return spec


def install() -> None:
    """Check shapes from now on. The modules must not have been imported."""
    early = [name for name in CHECKED if name in sys.modules]
    assert not early, f"imported before shapes are checked: {early}"
    sys.meta_path.insert(0, _Finder())

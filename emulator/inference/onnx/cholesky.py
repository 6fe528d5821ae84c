"""Cholesky factors and solves in operations that ONNX has, which has none of them.

Written out column by column for matrices of a fixed size. `TRANSLATIONS` is what torch's exporter
takes for torch's own: each says its graph at once, which as a decomposition torch would trace
again, operation by operation, at ten times the cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from onnxscript import opset18

op: Any = opset18  # whose types let few operations' outputs into another operation
_END = np.iinfo(np.int64).max


def cholesky_ex(matrix: Any, upper: bool = False, check_errors: bool = False) -> tuple[Any, Any]:
    """`torch.linalg.cholesky_ex` of (B, n, n): the lower factors, and 1 for a row without one."""
    assert not upper
    assert not check_errors
    columns, rest = [], matrix
    for j in range(matrix.shape[-1]):
        column = _at(rest, j, axis=-1)
        column = op.Div(column, op.Sqrt(_at(column, j, axis=-2)))
        columns.append(column)
        rest = op.Sub(rest, op.Mul(column, _transposed(column)))
    # Above the diagonal only rounding is left.
    factor = op.Trilu(op.Concat(*columns, axis=-1), upper=0)
    none = op.Cast(op.IsNaN(factor), to=onnx.TensorProto.INT32)
    return factor, op.ReduceMax(none, op.Constant(value_ints=[-2, -1]), keepdims=0)


def cholesky_solve(right: Any, factor: Any, upper: bool = False) -> Any:
    """`torch.cholesky_solve` of (B, n, m) for factors (B, n, n), float64: Gauss-Jordan elimination,
    which needs no pivots where the matrix is positive definite."""
    assert not upper
    n = factor.shape[-1]
    both = op.Concat(op.MatMul(factor, _transposed(factor)), right, axis=-1)
    for j, unit in enumerate(np.eye(n)[:, :, None]):
        row = _at(both, j, axis=-2)
        row = op.Div(row, _at(row, j, axis=-1))
        one = op.Constant(value=onnx.numpy_helper.from_array(unit))
        both = op.Sub(both, op.Mul(op.Sub(_at(both, j, axis=-1), one), row))
    return _from(both, n, _END, axis=-1)


def solve_triangular(
    factor: Any, right: Any, upper: bool, left: bool = True, unitriangular: bool = False
) -> Any:
    """`torch.linalg.solve_triangular` of lower factors (..., n, n) and right sides (..., n, m), by
    forward substitution."""
    assert not upper
    assert left
    assert not unitriangular
    rows: list[Any] = []
    for j in range(factor.shape[-1]):
        row, weights = _at(right, j, axis=-2), _at(factor, j, axis=-2)
        for k, known in enumerate(rows):
            row = op.Sub(row, op.Mul(_at(weights, k, axis=-1), known))
        rows.append(op.Div(row, _at(weights, j, axis=-1)))
    return op.Concat(*rows, axis=-2)


def _at(x: Any, j: int, axis: int) -> Any:
    """The j-th along an axis, which stays."""
    return _from(x, j, j + 1, axis)


def _from(x: Any, first: int, last: int, axis: int) -> Any:
    return op.Slice(x, *(op.Constant(value_ints=[place]) for place in (first, last, axis)))


def _transposed(x: Any) -> Any:
    return op.Transpose(x, perm=[0, 2, 1])


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.ops.aten.linalg_cholesky_ex.default: cholesky_ex,
    torch.ops.aten.cholesky_solve.default: cholesky_solve,
    torch.ops.aten.linalg_solve_triangular.default: solve_triangular,
}

"""Cholesky factors and solves in operations that ONNX has, which has none of them.

Written out column by column for matrices of a fixed size. `DECOMPOSITIONS` is what torch.export
takes to put them in the place of torch's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def cholesky_ex(
    matrix: torch.Tensor, *, upper: bool = False, check_errors: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """`torch.linalg.cholesky_ex` of (B, n, n): the lower factors, and 1 for a row without one."""
    assert not upper
    assert not check_errors
    columns, rest = [], matrix
    for j in range(matrix.shape[-1]):
        column = rest[..., j] / rest[..., j, j : j + 1].sqrt()
        columns.append(column)
        rest = rest - column[..., :, None] * column[..., None, :]
    # Above the diagonal only rounding is left.
    factor = torch.stack(columns, dim=-1).tril()
    return factor, factor.isnan().any(dim=-1).any(dim=-1).int()


def cholesky_solve(right: torch.Tensor, factor: torch.Tensor, upper: bool = False) -> torch.Tensor:
    """`torch.cholesky_solve` of (B, n, m) for factors (B, n, n): Gauss-Jordan elimination, which
    needs no pivots where the matrix is positive definite."""
    assert not upper
    n = factor.shape[-1]
    both = torch.cat([factor @ factor.mT, right], dim=-1)
    for j, unit in enumerate(torch.eye(n, dtype=factor.dtype)):
        row = both[..., j : j + 1, :] / both[..., j : j + 1, j : j + 1]
        both = both - (both[..., j : j + 1] - unit[:, None]) * row
    return both[..., n:]


def solve_triangular(
    factor: torch.Tensor,
    right: torch.Tensor,
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
) -> torch.Tensor:
    """`torch.linalg.solve_triangular` of lower factors (..., n, n) and right sides (..., n, m), by
    forward substitution."""
    assert not upper
    assert left
    assert not unitriangular
    rows: list[torch.Tensor] = []
    for j in range(factor.shape[-1]):
        row = right[..., j, :]
        for k, known in enumerate(rows):
            row = row - factor[..., j, k, None] * known
        rows.append(row / factor[..., j, j, None])
    return torch.stack(rows, dim=-2)


DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    torch.ops.aten.linalg_cholesky_ex.default: cholesky_ex,
    torch.ops.aten.cholesky_solve.default: cholesky_solve,
    torch.ops.aten.linalg_solve_triangular.default: solve_triangular,
}

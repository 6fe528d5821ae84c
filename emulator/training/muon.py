"""Muon: momentum whose matrices are made orthogonal before the step.

A weight matrix moves by U V' instead of its momentum U S V', so that every direction of the
gradient is learned at the same pace, the weak ones too. Everything that is not a matrix between
layers (biases, tables of embeddings) is left to Adam. torch has Muon too, but orthogonalises in
bfloat16, which a CPU without its instructions does some five times slower than float32.

Sources: Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks", for the
update; Liu et al. (2025), "Muon is scalable for LLM training", sec. 2.2, for steps whose root mean
square does not depend on a matrix's shape, as Adam's; Amsel et al. (2025), "The Polar Express", for
coefficients that differ from one iteration to the next, so that three do for singular values
down to a hundredth what five of one kind do; those are better below.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

MOMENTUM = 0.95
BETAS, EPSILON = (0.9, 0.99), 1e-8  # of Adam, for the rest
# Of a x + b x^3 + c x^5, applied to every singular value in turn: each is the polynomial that is
# nearest to one, at its worst, on the interval that those before it map [.01, 1] to.
_COEFFICIENTS = (
    (8.0934, -23.6204, 17.4462),
    (3.6366, -2.7219, 0.5365),
    (2.6613, -1.9772, 0.4526),
)


class Muon(torch.optim.Optimizer):
    """`lr` is the root mean square of the change of a matrix's entries in one step."""

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float, weight_decay: float) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay, "orthogonal": False})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                move = _orthogonal_step if group["orthogonal"] else _adam_step
                update = move(parameter.grad, state)
                parameter.mul_(1.0 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"])


def _orthogonal_step(gradient: torch.Tensor, state: dict[str, Any]) -> torch.Tensor:
    if not state:
        state["momentum"] = torch.zeros_like(gradient)
    momentum: torch.Tensor = state["momentum"].mul_(MOMENTUM).add_(gradient)
    ahead = gradient.add(momentum, alpha=MOMENTUM)  # Nesterov's
    # Entries of an orthogonal m x n matrix have a root mean square of 1 / sqrt(max(m, n)).
    update: torch.Tensor = orthogonal(ahead) * max(gradient.shape[-2:]) ** 0.5
    return update


def _adam_step(gradient: torch.Tensor, state: dict[str, Any]) -> torch.Tensor:
    if not state:
        state["step"] = 0
        state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
    state["step"] += 1
    count = state["step"]
    mean: torch.Tensor = state["mean"].lerp_(gradient, 1.0 - BETAS[0]) / (1.0 - BETAS[0] ** count)
    square = state["square"].lerp_(gradient.square(), 1.0 - BETAS[1]) / (1.0 - BETAS[1] ** count)
    update: torch.Tensor = mean / (square.sqrt() + EPSILON)
    return update


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """Near U V' of a matrix U S V' (m, n), or of each of a stack (..., m, n): singular values above
    a hundredth of their root sum of fourth powers end between .73 and 1.27, smaller ones grow by 78
    times."""
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.mT if tall else matrix
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-12)  # squares of the rest do not underflow
    gram = x @ x.mT
    # Of a bound on the largest singular value.
    square = gram.norm(dim=(-2, -1), keepdim=True) + 1e-12
    x, gram = x / square.sqrt(), gram / square
    product = torch.baddbmm if matrix.ndim == 3 else torch.addmm
    for k, (a, b, c) in enumerate(_COEFFICIENTS):
        gram = x @ x.mT if k else gram
        x = product(x, product(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices between layers, and stacks of them, are orthogonalised and decay; tables and vectors
    do neither."""
    tables = {id(p) for m in model.modules() if isinstance(m, nn.Embedding) for p in m.parameters()}
    inner = [p for p in model.parameters() if p.ndim in (2, 3) and id(p) not in tables]
    chosen = {id(p) for p in inner}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [
        {"params": inner, "orthogonal": True, "weight_decay": weight_decay},
        {"params": rest, "orthogonal": False, "weight_decay": 0.0},
    ]

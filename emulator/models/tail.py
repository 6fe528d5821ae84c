"""Responses after the last quarter trained on, read off those before.

What a linear model does late follows from what it did before: few modes are left, and forty
quarters of three series show them. So a shock's later responses, as coefficients of their
principal components, are a regression on its earlier ones: on the components of these, on products
of the leading ones, as modes enter by their powers, on the parameters, and on how the network's
own systems go on, which in some worlds is right. It is fitted once, to exact responses, when
training is over. It reads the network's own answers, so that their errors are weighed in. Where no
exact responses are to be had, none is fitted, and the systems go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from jaxtyping import Float

READ, SQUARED, TOLD = 30, 16, 12  # components read, of them multiplied, and told
RIDGE = 1e-5  # of the regressors' variance
FAR = 5.0  # s.d.s of a component beyond which products say no more
SMALLEST = 1e-4  # of the largest component's s.d.: what varies less is noise
_TENSORS = ("centre", "rotation", "weight", "basis")


class Tail(nn.Module):
    """Of one world; `fitted` says whether there is any.

    centre (S, 3 points) and rotation (S, 3 points, R): from responses to components of unit s.d.
    weight (S, F, 3 K): from regressors to coefficients. basis (K, later). They are saved with the
    weights where there are any.
    """

    centre: torch.Tensor
    rotation: torch.Tensor
    weight: torch.Tensor
    basis: torch.Tensor

    @property
    def fitted(self) -> bool:
        return "basis" in self._buffers

    @property
    def quarters(self) -> int:
        """How many are told."""
        return self.basis.shape[1]

    def forward(
        self,
        known: Float[torch.Tensor, "B S points 3"],
        own: Float[torch.Tensor, "B S later 3"],
        x: Float[torch.Tensor, "B P"],
    ) -> Float[torch.Tensor, "B S later 3"]:
        """Responses over their scale up to the last quarter trained on, how systems go on, and
        parameters of order one, to what follows."""
        told = self._regressors(known, self._coefficients(own), x) @ self.weight
        told = torch.unflatten(told.transpose(0, 1), -1, (3, -1))
        out: torch.Tensor = own + (told @ self.basis).mT
        return out

    @torch.no_grad()
    def fit(
        self,
        known: Float[torch.Tensor, "N S points 3"],
        own: Float[torch.Tensor, "N S later 3"],
        x: Float[torch.Tensor, "N P"],
        later: Float[torch.Tensor, "N S later 3"],
    ) -> None:
        """Of the network's answers and how systems go on, and of the exact responses that follow,
        all over their scale. For shocks where it does not halve the error, on a quarter of the rows
        that it is not fitted to, systems go on as they are."""
        self._set("basis", _leading(later.mT.flatten(0, 2).double(), TOLD).T)
        curves = known.double().flatten(2).transpose(0, 1)  # (S, N, 3 points)
        centre = curves.mean(dim=1, keepdim=True)
        _, sd, directions = torch.linalg.svd(curves - centre, full_matrices=False)
        sd = sd[:, :READ] / len(known) ** 0.5
        sd = sd.clamp(min=1e-9).maximum(SMALLEST * sd[:, :1])
        self._set("centre", centre[:, 0])
        self._set("rotation", directions[:, :READ].mT / sd[:, None])
        read = self._regressors(known, self._coefficients(own), x).double()
        wanted = self._coefficients(later - own).double()
        most = 3 * len(known) // 4
        self._set("weight", _regression(read[:, :most], wanted[:, :most]))
        with_it = (self(known[most:], own[most:], x[most:]) - later[most:]).square()
        without = (own[most:] - later[most:]).square()
        helps = with_it.mean(dim=(0, 2, 3)) < 0.25 * without.mean(dim=(0, 2, 3))
        self._set("weight", helps[:, None, None] * _regression(read, wanted))
        if not helps.any():
            self._forget()

    def _coefficients(self, later: torch.Tensor) -> torch.Tensor:
        """(S, B, 3 K) of (B, S, later, 3)."""
        found: torch.Tensor = later.mT @ self.basis.mT
        return found.flatten(2).transpose(0, 1)

    def _regressors(
        self, known: torch.Tensor, goes_on: torch.Tensor, x: torch.Tensor
    ) -> torch.Tensor:
        """(S, B, F)."""
        curves = known.flatten(2).transpose(0, 1) - self.centre[:, None]
        read = curves @ self.rotation
        few = read[..., :SQUARED].clamp(-FAR, FAR)
        row, column = torch.triu_indices(few.shape[-1], few.shape[-1], device=few.device)
        told = x.expand(len(read), -1, -1)
        return torch.cat(
            [
                torch.ones_like(read[..., :1]), read, few[..., row] * few[..., column], told,
                goes_on,
            ],
            dim=-1,
        )  # fmt: skip

    def _set(self, name: str, value: torch.Tensor) -> None:
        if name not in self._buffers:
            self.register_buffer(name, None)
        self._buffers[name] = value.float().contiguous()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        self._forget()
        there = {n: state_dict[prefix + n] for n in _TENSORS if prefix + n in state_dict}
        if len(there) == len(_TENSORS) and _of_one_fit(**there):  # others are unexpected
            for name, tensor in there.items():
                self.register_buffer(name, torch.empty_like(tensor))
        super()._load_from_state_dict(state_dict, prefix, *others)

    def _forget(self) -> None:
        for name in _TENSORS:
            self._buffers.pop(name, None)


def _of_one_fit(
    centre: torch.Tensor, rotation: torch.Tensor, weight: torch.Tensor, basis: torch.Tensor
) -> bool:
    """Whether shapes go together."""
    return (
        (centre.ndim, rotation.ndim, weight.ndim, basis.ndim) == (2, 3, 3, 2)
        and rotation.shape[:2] == centre.shape
        and len(weight) == len(centre)
        and weight.shape[2] == 3 * len(basis)
    )


def _regression(read: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """(S, F, K) that takes (S, N, F) to (S, N, K)."""
    square = read.mT @ read
    square += RIDGE * read.shape[1] * torch.eye(read.shape[2], dtype=read.dtype, device=read.device)
    found: torch.Tensor = torch.linalg.solve(square, read.mT @ wanted)
    return found


def _leading(curves: torch.Tensor, count: int) -> torch.Tensor:
    """(points, count): leading principal directions of curves (N, points), not centred."""
    _, vectors = torch.linalg.eigh(curves.mT @ curves)
    leading: torch.Tensor = vectors.flip(1)[:, :count]
    return leading

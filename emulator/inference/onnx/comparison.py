"""Whether onnxruntime answers from a file what torch answers from the weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from emulator.inference.onnx.question import Question
from emulator.regimes import MAX_HISTORY, MIN_HISTORY

# Of the response's scale. Both compute in float32, in different orders: some 2e-6 apart. (At single
# quarters up to 1.1e-5 was seen, where each is 6e-6 and 9e-6 from float64.)
TOLERANCE = 1e-5
CHECKED = ((1, MIN_HISTORY), (7, 121), (64, MAX_HISTORY))  # draws and quarters of each comparison
ROUNDED = 4  # how often the inputs are rounded another way, for what 32 bits can tell


@torch.no_grad()
def difference(data: bytes, question: Question) -> float:
    """How far onnxruntime's answers are from torch's, as a share of the response's scale.

    The root mean square over quarters, as in an NRMSE, of the worst draw, shock and observable. The
    scale is the response's s.d. over the training draws, or the peak of the draw's own answer (of
    the bands, for bands) where that is larger. At the ends of several bounds at once, far from any
    training draw, a network can be so steep that the last digit of its inputs moves the answer by
    more than the tolerance; what is apart by no more than that counts as equal.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    largest = []
    for draws, quarters in CHECKED:
        given = question.examples(draws, quarters)
        found = session.run(None, {name: value.numpy() for name, value in given.items()})
        expected = question(**given)
        sd = question.scale(**given)
        others = [question(**_rounded(given, seed)) for seed in range(ROUNDED)]
        for k, (theirs, ours) in enumerate(zip(found, expected, strict=True)):
            rounded = [other[k] for other in others]
            largest.append(disagreement(torch.from_numpy(theirs), ours, rounded, sd).max())
    return float(torch.stack(largest).max())  # NaN where any is


def disagreement(
    theirs: torch.Tensor, ours: torch.Tensor, rounded: Sequence[torch.Tensor], sd: torch.Tensor
) -> torch.Tensor:
    """By draw, shock and observable, (B, S, 1, 3), of responses (B, S, H+1, 3) or their quantiles.

    rounded: our own answers to inputs rounded another way. sd: (B or 1, S, 1, 3).
    """
    peak = ours.abs().amax(dim=2, keepdim=True)
    if ours.ndim == 5:  # quantiles
        peak = peak.amax(dim=-1)
    scale = torch.maximum(sd, peak)
    # Responses that are identically zero have no scale, and must be zero.
    scale = torch.where(scale > 0.0, scale, 1.0)
    share = _apart(theirs, ours) / scale
    own = torch.stack([_apart(other, ours) for other in rounded]).amax(dim=0) / scale
    return torch.where((own > TOLERANCE) & (share <= own), torch.zeros_like(share), share)


def _apart(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """The root mean square over quarters of a difference, of the worst quantile for bands."""
    apart = (a - b).square().mean(dim=2, keepdim=True).sqrt()
    return apart.amax(dim=-1) if a.ndim == 5 else apart


def _rounded(given: dict[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    """Every input at one of its two neighbours in 32 bits."""
    generator = torch.Generator().manual_seed(seed)
    out = {}
    for name, value in given.items():
        up = torch.rand(value.shape, generator=generator) < 0.5
        out[name] = torch.nextafter(value, torch.where(up, torch.inf, -torch.inf))
    return out

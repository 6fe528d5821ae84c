"""Whether onnxruntime answers from a file what torch answers from the weights."""

from __future__ import annotations

import torch

from emulator.inference.onnx.question import Question
from emulator.regimes import MAX_HISTORY, MIN_HISTORY

# Of the response's scale. Both compute in float32, in different orders: some 1e-6 apart.
TOLERANCE = 1e-5
CHECKED = ((1, MIN_HISTORY), (7, 121), (64, MAX_HISTORY))  # draws and quarters of each comparison


@torch.no_grad()
def difference(data: bytes, question: Question) -> float:
    """The largest difference between onnxruntime's and torch's answers, as a share of the
    response's scale: its s.d. over the training draws, or the draw's own peak where that is
    larger, for every shock and observable."""
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    largest = []
    for draws, quarters in CHECKED:
        given = question.examples(draws, quarters)
        found = session.run(None, {name: value.numpy() for name, value in given.items()})
        expected = question(**given)
        peak = expected[0].abs().amax(dim=2, keepdim=True)
        scale = torch.maximum(question.scale(**given), peak)
        # Responses that are identically zero have no scale, and must be zero.
        scale = torch.where(scale > 0.0, scale, 1.0)
        for theirs, ours in zip(found, expected, strict=True):
            apart = (torch.from_numpy(theirs) - ours).abs()
            largest.append(((apart if ours.ndim == 4 else apart.amax(dim=-1)) / scale).max())
    return float(torch.stack(largest).max())  # NaN where any is

"""Whether onnxruntime answers from a file what torch answers from the weights."""

from __future__ import annotations

import torch

from emulator.inference.onnx.traceable import Traceable
from emulator.limits import MAX_HISTORY, MIN_HISTORY

# Of the response's scale. Both compute in float32, in different orders: some 2e-6 apart. (At single
# quarters up to 1.1e-5 was seen, where each is 6e-6 and 9e-6 from float64.)
TOLERANCE = 1e-5
CHECKED = ((1, MIN_HISTORY), (7, 121), (64, MAX_HISTORY))  # draws and quarters of each comparison


@torch.no_grad()
def difference(data: bytes, traceable: Traceable) -> float:
    """How far onnxruntime's answers are from torch's, as a share of the response's scale.

    The root mean square over quarters, as in an NRMSE, of the worst draw, shock and observable. The
    scale is the response's s.d. over the training draws, or the peak of the draw's own answer (of
    the bands, for bands) where that is larger.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    largest = []
    for draws, quarters in CHECKED:
        given = traceable.examples(draws, quarters)
        found = session.run(None, {name: value.numpy() for name, value in given.items()})
        expected = traceable(**given)
        sd = traceable.scale(**given)
        for theirs, ours in zip(found, expected, strict=True):
            apart = (torch.from_numpy(theirs) - ours).square().mean(dim=2, keepdim=True).sqrt()
            peak = ours.abs().amax(dim=2, keepdim=True)
            if ours.ndim == 5:  # quantiles
                apart, peak = apart.amax(dim=-1), peak.amax(dim=-1)
            scale = torch.maximum(sd, peak)
            # Responses that are identically zero have no scale, and must be zero.
            largest.append((apart / torch.where(scale > 0.0, scale, 1.0)).max())
    return float(torch.stack(largest).max())  # NaN where any is

"""The network that ships, as an estimator: candidates in, quantiles of responses out.

The network knows the grammar alone. Where data are of another origin its errors and those of usual
regressions are far from the same, so that a part of the answer, USUAL_SHARE, is always theirs.

Its bands were widened, or narrowed, on draws of the grammar that it was not trained on, by factors
of a kind of question and horizon (conformal prediction; Vovk, Gammerman and Shafer 2005). With an
instrument the answer is a ratio: responses to the instrument's innovation over that of the series
whose rise is one (Plagborg-Moller and Wolf 2021, Econometrica 89(2)), and its widths follow from
theirs to first order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load

from emulator.econometrics.candidates import NAMES, Candidates
from emulator.econometrics.question import FloatArray
from emulator.errors import WeightsError
from emulator.foreign.grammar.draws import Kind
from emulator.foreign.knots import hats, limited
from emulator.foreign.network.inputs import inputs
from emulator.foreign.network.model import Mixer, Tensors
from emulator.foreign.network.typical import Typical
from emulator.storage import GONE, is_sealed, read_bytes, read_json, sha256

HERE = Path(__file__).parent
WEIGHTS, FACTS = HERE / "network.safetensors", HERE / "network.json"
USUAL = [list(NAMES).index(name) for name in ("var", "bvar")]
# Of an answer. Where a network is asked about a family of economies that it never saw, its largest
# errors are least with it among shares that cost at most 2 % on average (studies/leaning.py).
USUAL_SHARE = 0.3


class Spread(NamedTuple):
    """An answer (B, H+1, n), and how far below and above it quantiles are (B, H+1, n, 2): those of
    68 % bands, then of 90 %."""

    point: FloatArray
    below: FloatArray
    above: FloatArray


@dataclass(frozen=True)
class Network:
    """widths (2, K): factors of bands of 68 and 90 % along KNOTS, by the kind of question. typical:
    what data sets it was taught on are like. sha256: of the file of weights."""

    model: Mixer
    widths: Mapping[Kind, FloatArray]
    typical: Typical
    sha256: str = ""

    @classmethod
    @cache
    def read(cls) -> Network:
        """The one in the package. Raises WeightsError where its files are not as they were made."""
        try:
            facts, weights = read_json(FACTS), read_bytes(WEIGHTS)
            if not is_sealed(facts) or sha256(weights) != facts["sha256"]:
                raise ValueError("altered or truncated")
        except (*GONE, ValueError) as error:
            said = getattr(error, "strerror", None) or error
            raise WeightsError(
                f"{WEIGHTS.parent}: the network of foreign data is damaged ({said}); install the "
                "package again"
            ) from None
        model = Mixer(facts["width"], facts["blocks"])
        model.load_state_dict(load(weights))
        widths = {kind: np.array(each) for kind, each in facts["widths"].items()}
        typical = Typical.from_facts(facts["typical"])
        return cls(model.double().eval(), widths, typical, facts["sha256"])

    def quantiles(self, kind: Kind, found: Candidates, before: int, to: int) -> FloatArray:
        """(B, H+1, n, Q) at LEVELS, per unit of the series at `before`; with an instrument per rise
        of the series at `to` by one."""
        answer = spread(self.model, kind, found, before, to)
        factors = (self.widths[kind] @ hats(found.error.shape[1] - 1).T).T[:, None]  # (H+1, 1, 2)
        below, above = answer.below * factors, answer.above * factors
        middle = answer.point[..., None]
        return np.concatenate([middle - below[..., ::-1], middle, middle + above], axis=-1)


def spread(model: Mixer, kind: Kind, found: Candidates, before: int, to: int) -> Spread:
    """Answers of a network in double precision, USUAL_SHARE of the way to usual regressions, whose
    bands are as it was taught."""
    read = inputs(found, before, kind == "recursive")
    with torch.no_grad():
        out = model(Tensors(*map(torch.as_tensor, read))).quantiles.numpy()
    n, points = found.error.shape[2], found.error.shape[1]
    out = np.moveaxis(out[:, :n, :points], 1, 2) * read.unit[:, None, :n, None]
    out.sort(axis=-1)  # the unit has a sign
    toward = limited(found)[:, USUAL].mean(axis=1) - out[..., 2]
    if kind != "recursive":
        toward[..., 0] = 0.0  # of the shock itself nothing is asked
    out += USUAL_SHARE * toward[..., None]
    out[:, 0, :before], out[:, 0, before] = 0.0, 1.0
    point = out[..., 2]
    below, above = point[..., None] - out[..., [1, 0]], out[..., 3:] - point[..., None]
    if kind != "proxy":
        return Spread(point, below, above)
    turned, wide = ratio(point, (below[..., 0] + above[..., 0]) / 2.0, to)
    _, wider = ratio(point, (below[..., 1] + above[..., 1]) / 2.0, to)
    both = np.stack([wide, wider], axis=-1)
    return Spread(turned, both, both)


def ratio(point: FloatArray, scale: FloatArray, to: int) -> tuple[FloatArray, FloatArray]:
    """Answers and scales of errors (B, H+1, n) over the impact on the series at `to`, which is one
    then."""
    impact, error = point[:, :1, to, None], scale[:, :1, to, None]
    out = point / impact
    spread = np.sqrt(np.square(scale) + np.square(out * error)) / np.abs(impact)
    out[:, 0, to], spread[:, 0, to] = 1.0, 0.0
    return np.asarray(out), np.asarray(spread)

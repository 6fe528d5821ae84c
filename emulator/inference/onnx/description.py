"""What a reader of an exported file must know, written into it.

Names of inputs, outputs and free axes; in `metadata_props` the order, units and bounds of
parameters, shocks and observables, and where the weights come from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import onnx

from emulator import __version__
from emulator.inference.onnx.traceable import Traceable
from emulator.inference.trust import Found
from emulator.limits import QUANTILES
from emulator.regimes import Task

PROVENANCE = ("weights_sha256", "commit", "config_sha", "data_sha")  # of the weights


def describe(
    proto: onnx.ModelProto,
    traceable: Traceable,
    provenance: Mapping[str, Any],
    caveats: Iterable[Found],
) -> None:
    """Name inputs, outputs and axes, and fill in `metadata_props`."""
    request = traceable.request
    spec = request.spec
    names = [*traceable.given, "response", "quantiles"]
    for value, name in zip((*proto.graph.input, *proto.graph.output), names, strict=False):
        _rename(proto.graph, value.name, name)
        shape = value.type.tensor_type.shape.dim
        shape[0].dim_param = "draws"
        if name == "history":
            shape[1].dim_param = "quarters"
    proto.producer_name, proto.producer_version = "universal-macro-emulator", __version__
    proto.graph.name = f"{spec.name} {request.regime}"
    proto.doc_string = f"Impulse responses: {spec.title}"
    size = "s.d.s" if "size" in traceable.given else "one s.d., in proportion for others"
    start = "where the history ends" if request.task is Task.state_dependent else "steady state"
    sds = traceable.model.scales(spec.name).path.tolist()  # what a reader's history compares with
    onnx.helper.set_model_props(
        proto,
        {
            "world": spec.name,
            "regime": request.regime.value,
            "response_from": start,
            "horizon": str(request.horizon),
            "trained_horizon": str(traceable.model.horizon),
            "caveats": "; ".join(str(caveat) for caveat in caveats),
            "size": size,
            **({} if "history" not in traceable.given else {"history_sd": json.dumps(sds)}),
            **{
                name: json.dumps(value)
                for name, value in (
                    ("parameters", [_chosen(p, "unit", "lower", "upper", "default")
                                    for p in spec.parameters]),
                    ("shocks", [_chosen(s, "sigma") for s in spec.shocks]),
                    ("observables", [_chosen(o, "label", "unit") for o in spec.observables]),
                    ("quantiles", QUANTILES if request.bands else ()),
                )
            },
            **{key: str(provenance.get(key, "")) for key in PROVENANCE},
        },
    )  # fmt: skip
    onnx.checker.check_model(proto)


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Rename an input or output of the graph, wherever it is used."""
    for value in (*graph.input, *graph.output):
        if value.name == old:
            value.name = new
    for node in graph.node:
        for names in (node.input, node.output):
            for k, name in enumerate(names):
                if name == old:
                    names[k] = new


def _chosen(record: Any, *fields: str) -> dict[str, Any]:
    kept = ("name", *(("description",) if hasattr(record, "description") else ()), *fields)
    return {field: getattr(record, field) for field in kept}


def axes(values: Any) -> dict[str, list[str | int]]:
    """The axes of inputs or outputs by name: a length, or the name of a free one."""
    return {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in values
    }

"""The page before any answer: headings, empty plots and places for controls, as Dash components.

The script in assets/ fills them. Checkboxes, sliders and number boxes are the browser's own, made
by the script: they work by keyboard, touch and screen reader as everywhere, and dragging them does
not pass through Dash, which keeps every change of a component's property for an undo that this page
does not offer, so that its memory would grow for as long as someone drags.
"""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from emulator.evaluation.report.canvas import BLUE, VERMILLION, short_unit
from emulator.explorer.state import QUARTERS, Catalogue
from emulator.limits import MAX_HORIZON, MAX_SIZE
from emulator.specs import WorldSpec

# Each observable's traces, in the order in which the script fills them.
BAND: dict[str, Any] = {"fill": "toself", "line": {"width": 0}, "hoverinfo": "skip"}
TRACES: tuple[dict[str, Any], ...] = (
    {"name": "90 % band", **BAND, "fillcolor": "rgba(0,114,178,.18)"},
    {"name": "50 % band", **BAND, "fillcolor": "rgba(0,114,178,.30)"},
    {"name": "emulator", "line": {"color": BLUE, "width": 2}},
    {"name": "exact", "line": {"color": VERMILLION, "width": 2, "dash": "dash"}},
)
PITCH, HEIGHT = 0.37, 0.23  # from plot to plot, and of each, as shares of the whole


def layout(catalogue: Catalogue, edition: int, weights: str) -> html.Div:
    """The whole page. edition: of the catalogue. weights: says which weights answer."""
    aside = html.Form(
        [
            html.Fieldset([html.Legend("Worlds"), html.Div(id="worlds", className="choices")]),
            html.Fieldset([html.Legend("A model of yours"), html.Div(id="model")]),
            html.Fieldset([html.Legend("Shock"), html.Div(id="shock")]),
            html.Div(id="parameters"),
        ],
        id="controls",
        **_marked(aria_label="Worlds, shock and parameters"),
    )
    buttons = html.Div(
        [
            html.Button("Reset", id="reset", type="button"),
            html.Button("Copy link", id="link", type="button"),
            html.A("CSV", id="csv", href="responses.csv", download="responses.csv"),
            html.Button("PNG", id="png", type="button"),
        ],
        className="buttons",
    )
    return html.Div(
        [
            html.A("To the responses", href="#panels", className="skip"),
            html.Header(
                [
                    html.H1("Emulator and exact solution"),
                    html.Nav(
                        [
                            html.A("Your data", href="data", id="to-data"),
                            html.A("An estimate", href="estimate", id="to-estimate"),
                        ],
                        **_marked(aria_label="Other pages"),
                    ),
                    buttons,
                    html.Ul(
                        [html.Li(name, className=css) for name, css in (
                            ("exact", "exact"), ("emulator", "point"),
                            ("50 % band", "band50"), ("90 % band", "band90"),
                        )],
                        className="legend",
                        **_marked(aria_label="Legend"),
                    ),
                    html.P(id="message", role="status"),
                ]
            ),
            html.Main(
                [_panel(spec) for spec in catalogue.specs.values()], id="panels", tabIndex=-1
            ),
            aside,
            html.Footer(f"{weights}, {len(catalogue.specs)} worlds."),
            dcc.Store(id="catalogue", data={**_catalogue(catalogue), "edition": edition}),
            dcc.Store(id="started"),
        ],
        id="explorer",
    )  # fmt: skip


def _panel(spec: WorldSpec) -> html.Section:
    """One world's place, hidden until it is chosen."""
    title = f"panel-{spec.name}"
    return html.Section(
        [
            html.H2([spec.name, html.Small(spec.title)], id=title),
            html.P(className="shock"),
            html.P(className="status", role="status"),
            html.Div(
                dcc.Graph(
                    figure=figure(spec),
                    responsive=True,
                    config={"displayModeBar": False, "doubleClick": False},
                ),
                className="plot",
                role="img",
                **_marked(aria_label=f"Responses of {spec.name}; the table below has the errors"),
            ),
            html.Table(className="errors"),
        ],
        hidden=True,
        **_marked(aria_labelledby=title, data_world=spec.name),
    )


def figure(spec: WorldSpec) -> dict[str, Any]:
    """Three empty plots, one above the other, with the traces of `TRACES` in each.

    Axes cannot be dragged: a finger on a plot scrolls the page.
    """
    data: list[dict[str, Any]] = []
    axes: dict[str, dict[str, Any]] = {}
    for j in range(len(spec.observables)):
        suffix = str(j + 1) if j else ""
        top = 1.0 - j * PITCH
        data += [
            {**trace, "type": "scatter", "mode": "lines", "x": [], "y": [],
             "xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
            for trace in TRACES
        ]  # fmt: skip
        axes[f"xaxis{suffix}"] = {
            "anchor": f"y{suffix}", "fixedrange": True, "zeroline": False,
            "ticks": "outside", "ticklen": 3, "tickcolor": "rgba(0,0,0,0)",
        }  # fmt: skip
        axes[f"yaxis{suffix}"] = {
            "anchor": f"x{suffix}", "fixedrange": True, "domain": [top - HEIGHT, top],
            "zeroline": True, "nticks": 6,
        }  # fmt: skip
    axes["xaxis3"]["title"] = {"text": "quarters after the shock", "standoff": 6}
    return {
        "data": data,
        "layout": {
            **axes,
            "annotations": [_heading(o.label, o.unit, j) for j, o in enumerate(spec.observables)],
            "showlegend": False,
            "hovermode": "x",
            "dragmode": False,
            "margin": {"l": 48, "r": 14, "t": 24, "b": 40},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
        },
    }


def _heading(label: str, unit: str, j: int) -> dict[str, Any]:
    return {
        "text": f"<b>{label}</b>, {short_unit(unit)}", "showarrow": False, "xref": "paper",
        "yref": "paper", "x": 0, "y": 1.0 - j * PITCH, "xanchor": "left", "yanchor": "bottom",
        "yshift": 5,  # above the label of a tick at the top of the axis
    }  # fmt: skip


def _marked(**attributes: str) -> dict[str, Any]:
    """HTML attributes with hyphens, which Python's names cannot have."""
    return {name.replace("_", "-"): text for name, text in attributes.items()}


def _catalogue(catalogue: Catalogue) -> dict[str, Any]:
    """What the script needs to know: worlds, their shocks, and which worlds a slider moves."""
    return {
        "worlds": {
            spec.name: {"title": spec.title, "shocks": spec.shock_names}
            for spec in catalogue.specs.values()
        },
        "groups": {key: list(group.parameters) for key, group in catalogue.groups.items()},
        "size": {"lower": -MAX_SIZE, "upper": MAX_SIZE, "step": 0.05},
        "quarters": {"lower": 4, "upper": min(MAX_HORIZON, max(QUARTERS, catalogue.trained))},
    }

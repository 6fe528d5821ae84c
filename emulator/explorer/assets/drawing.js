/* What the pages of files draw with: curves and bands over quarters. */
(() => {
  "use strict";

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // A line over quarters 0, 1, ..., or over the places given.
  const curve = (name, y, line, x = [...y.keys()]) =>
    ({ type: "scatter", mode: "lines", name, x, y, line });

  // Bands of quantiles from lowest to highest, five of them. A band is one closed line: along its
  // lower edge and back along its upper one.
  const bands = (edges, x = [...edges[0].keys()]) => [[0, 4, "2e"], [1, 3, "4d"]].map(([low, high, opacity]) => ({
    type: "scatter", mode: "lines", x: [...x, ...[...x].reverse()],
    y: [...edges[low], ...[...edges[high]].reverse()],
    fill: "toself", fillcolor: colour("--emulator") + opacity, line: { width: 0 }, hoverinfo: "skip",
  }));

  const layout = (below) => {
    const axis = { fixedrange: true, gridcolor: colour("--line"), zerolinecolor: colour("--text"), nticks: 6 };
    return {
      xaxis: { ...axis, zeroline: false, title: { text: below, standoff: 4 } },
      yaxis: { ...axis, zeroline: true },
      font: { color: colour("--text"), family: "system-ui, Liberation Sans, Arial" },
      showlegend: false, hovermode: "x", dragmode: false, autosize: true,
      margin: { l: 52, r: 14, t: 8, b: 42 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    };
  };

  const react = (plot, traces, below = "quarters after the shock", more = {}) => Plotly.react(plot, traces,
    { ...layout(below), ...more }, { displayModeBar: false, doubleClick: false, responsive: true });

  // Other children of a place, in which plots stood: the window holds on to a plot until it is purged.
  const replace = (place, ...children) => {
    place.querySelectorAll(".js-plotly-plot").forEach(Plotly.purge);
    place.replaceChildren(...children);
  };

  window.drawing = { colour, curve, bands, react, replace };
})();

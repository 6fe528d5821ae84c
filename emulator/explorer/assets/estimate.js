/* The page of an estimate: estimate.json, read here, as tables and responses. */
(() => {
  "use strict";

  const MOST_BYTES = 2e7;
  const OBSERVABLES = { output: "output, percent", inflation: "inflation, pp", rate: "rate, pp" };
  const SHADES = ["#0072b2", "#d55e00", "#00805c", "#b0578a", "#9a6a00", "#56b4e9", "#7d5fb2", "#8a8a8a",
    "#c9a800", "#6b3e26", "#e377c2", "#2f4f4f"];
  const { $, make, put, say, figures, takeFiles } = window.dom;
  const { colour, curve, bands, react, replace } = window.drawing;
  const page = { estimate: null, world: "", shock: "" };

  const read = (text, name) => {
    let found;
    try {
      found = JSON.parse(text);
    } catch {
      throw new Error(`${name}: no JSON; expected the estimate.json that \`emulator estimate --output\` writes`);
    }
    const whole = found?.worlds && found.probabilities && Object.values(found.worlds).every((one) =>
      one?.parameters && Object.keys(one.responses ?? {}).length && Array.isArray(one.caveats));
    if (!whole || !Object.keys(found.worlds).length) {
      throw new Error(`${name}: no estimate; expected the estimate.json that \`emulator estimate --output\` writes`);
    }
    return found;
  };

  const take = async (given) => {
    if (!given) return;
    try {
      if (given.size > MOST_BYTES) throw new Error(`${given.name}: too large, at most 20 MB is read`);
      const found = read(await given.text(), given.name);
      const likely = (name) => found.probabilities[name] ?? 0;
      const best = Object.keys(found.worlds).sort((a, b) => likely(b) - likely(a))[0];
      Object.assign(page, { estimate: found, world: best, shock: "" });
      say(`${given.name}: ${Object.keys(found.worlds).join(", ")}.`);
      await draw();
    } catch (error) {
      say(error.message, true);
    }
  };

  const number = (value) => (value === null || value === undefined ? "" : figures(value));
  const table = (place, caption, heads, rows) => {
    place.replaceChildren(make("table", { className: "errors" },
      make("caption", { textContent: caption }),
      make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col", textContent: text })))),
      make("tbody", {}, ...rows)));
    place.hidden = false;
  };
  const row = (head, cells) => make("tr", {}, make("th", { scope: "row", textContent: head }),
    ...cells.map((cell) => (typeof cell === "string" ? make("td", { textContent: cell }) : make("td", {}, cell))));

  // ---------------------------------------------------------------- drawing

  const draw = async () => {
    const { estimate, world } = page;
    const one = estimate.worlds[world];
    const shocks = Object.keys(one.responses);
    if (!shocks.includes(page.shock)) page.shock = shocks[0];
    const when = estimate.first ? `, ${estimate.first} to ${estimate.last}` : "";
    const scaled = Object.entries(estimate.normalize ?? {}).map(([name, value]) =>
      ` Responses are scaled to an impact of ${value} on ${name}.`);
    put($("question"), `${one.title}: ${estimate.quarters} quarters${when}, ${one.draws} draws in ${one.runs} runs.${scaled}`);
    put($("caveats"), one.caveats.map((text) => text[0].toUpperCase() + text.slice(1)).join(". "));
    drawControls();
    drawModels();
    drawParameters(one);
    document.querySelector(".legend").hidden = false;
    await drawResponses(one);
    await drawContributions(one);
  };

  const drawControls = () => {
    const { estimate, world, shock } = page;
    $("worlds").replaceChildren(...Object.keys(estimate.worlds).map((name) => {
      const input = make("input", { type: "radio", name: "world", value: name, checked: name === world });
      input.addEventListener("change", () => { page.world = name; draw(); });
      return make("label", {}, input, name);
    }));
    $("shock").replaceChildren(...Object.keys(estimate.worlds[world].responses).map((name) =>
      make("option", { value: name, textContent: name, selected: name === shock })));
    $("asks").hidden = false;
  };

  const drawModels = () => {
    const { estimate, world } = page;
    const rows = Object.entries(estimate.worlds).map(([name, one]) => {
      const found = row(name, [one.title, one.log_evidence?.toFixed(2) ?? "none", number(one.log_evidence_error),
        number(estimate.probabilities[name]), number(estimate.probability_errors?.[name])]);
      if (name === world) found.setAttribute("aria-current", "true");
      return found;
    });
    table($("models"), "Models, equally likely before",
      ["model", "", "log evidence", "its error", "probability", "its error"], rows);
  };

  const drawParameters = (one) => {
    const rows = Object.entries(one.parameters).map(([name, found]) => {
      const low = Math.min(found.prior_5, found.q05), high = Math.max(found.prior_95, found.q95);
      const at = (value) => 100 * (value - low) / (high - low || 1);
      const part = (from, to, className = "") => make("i", { className,
        style: `left:${at(from)}%;width:${at(to) - at(from)}%` });
      const span = make("div", { className: "span", role: "img" }, part(found.prior_5, found.prior_95),
        part(found.q05, found.q95, "after"), make("b", { style: `left:${at(found.mean)}%` }));
      span.setAttribute("aria-label", "prior and posterior intervals");
      return row(name, [number(found.prior_mean), number(found.mean), number(found.sd),
        `[${number(found.q05)}, ${number(found.q95)}]`, span, found.ess?.toFixed(0) ?? "", found.r_hat?.toFixed(3) ?? ""]);
    });
    table($("parameters"), "Parameters; bars span 5 to 95 %, grey before the data and blue after",
      ["", "prior mean", "mean", "s.d.", "90 %", "before and after", "ESS", "R-hat"], rows);
  };

  const place = (name, id, title = OBSERVABLES[name] ?? name) => {
    const plot = make("div", { className: "plot", role: "img" });
    plot.setAttribute("aria-label", title);
    const section = make("section", {}, make("h2", { id, textContent: title }), plot);
    section.setAttribute("aria-labelledby", id);
    return section;
  };

  const drawResponses = async (one) => {
    const response = one.responses[page.shock], names = Object.keys(response);
    const average = page.estimate.averaged?.[page.shock];
    document.querySelector(".legend .average").hidden = !average;
    const summed = page.estimate.cumulate ?? [];
    replace($("panels"), ...names.map((name) =>
      place(name, `of-${name}`, summed.includes(name) ? `sum of ${name} over quarters` : OBSERVABLES[name])));
    await Promise.all(names.map((name, j) => react($("panels").children[j].querySelector(".plot"), [
      ...bands(response[name].quantiles),
      ...(average ? [curve("average", average[name].mean, { color: colour("--var"), width: 1.7, dash: "dash" })] : []),
      curve("mean", response[name].mean, { color: colour("--emulator"), width: 2.2 }),
    ])));
  };

  // Of linear worlds: the history as a sum of what each shock added to it.
  const drawContributions = async (one) => {
    $("made").hidden = !one.contributions;
    if (!one.contributions) return;
    const components = Object.keys(one.contributions), names = Object.keys(one.contributions[components[0]]);
    const quarters = quartersFrom(page.estimate.first, one.contributions[components[0]][names[0]].length);
    replace($("contributions"), make("ul", { className: "key" }, ...components.map((name, k) => {
      const item = make("li", { textContent: name });
      item.style.setProperty("--shown", SHADES[k % SHADES.length]);
      return item;
    })), ...names.map((name) => place(name, `made-${name}`)));
    await Promise.all(names.map((name) => react(
      $(`made-${name}`).parentElement.querySelector(".plot"),
      components.map((component, k) => ({ type: "bar", name: component, x: quarters,
        y: one.contributions[component][name], marker: { color: SHADES[k % SHADES.length] } })),
      "", { barmode: "relative", bargap: 0 },
    )));
  };

  // Decimal years where the first quarter is known, counts elsewhere.
  const quartersFrom = (first, count) => {
    const found = /^(\d{4})Q([1-4])$/.exec(first ?? "");
    const from = found ? Number(found[1]) + (Number(found[2]) - 1) / 4 : 1;
    return Array.from({ length: count }, (_, k) => from + (found ? k / 4 : k));
  };

  // ---------------------------------------------------------------- start

  takeFiles($("file"), take);
  $("controls").addEventListener("submit", (event) => event.preventDefault());
  $("shock").addEventListener("change", () => { page.shock = $("shock").value; draw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (page.estimate) draw(); });
  put($("question"), "Choose or drop the estimate.json of an estimate: evidence, parameters and responses.");
  window.explorer = page; // for tests
  document.body.dataset.ready = "yes";
})();

/* The page's moving parts: controls, one question at a time to the server, redrawing.

State lives here and in the address; the server reads the same query string that the address has,
so there is one format, and one reader of it (state.py). */
(() => {
  "use strict";

  const REMEMBERED = 1000; // latencies kept, for measurements
  const SMALLEST = 0.3; // share of an axis that lines fill before it is drawn anew
  const STILL = { mode: "immediate", transition: { duration: 0 }, frame: { duration: 0, redraw: false } };
  const { $, make, put, say, reply, figures, save } = window.dom;
  const page = { state: null, controls: "", latencies: [], sliders: "", query: "", asking: false };
  let catalogue, link = null, waiting = false, changedAt = 0, addressTimer;

  const section = (world) => document.querySelector(`section[data-world="${CSS.escape(world)}"]`);
  const plot = (world) => section(world).querySelector(".js-plotly-plot");

  // ---------------------------------------------------------------- questions

  const query = ({ worlds, shock, size, quarters, values } = page.state) => {
    const pairs = [["worlds", worlds.join(",")], ["shock", shock], ["size", size],
      ["quarters", quarters]];
    for (const [key, value] of Object.entries(values)) {
      // By a world that has it: a model dropped later may have the same name for something else.
      const home = catalogue.groups[key].find((world) => worlds.includes(world));
      if (home) pairs.push(["set", `${home}.${key.split(".").pop()}=${value}`]);
    }
    return new URLSearchParams(pairs).toString();
  };

  // A model dropped, here or on another tab, changes what there is to choose from: the page starts
  // anew, at its link, which its server reads as it then is.
  let leaving = false;
  const startAnew = (found) => {
    clearTimeout(addressTimer);
    if (!leaving) location.replace(`?${found}`);
    leaving = true;
    return new Promise(() => {});
  };
  const told = async (address) => {
    const found = await reply(address);
    if (found.edition === catalogue.edition) return found;
    await window.model.done(); // the file that changed it, if it was this page's, is then shown
    return startAnew(found.query);
  };

  // First, so that a phone shows it; with its own shock where it has not the one shown.
  const showModel = (world, shocks) => {
    const { worlds, shock } = page.state;
    startAnew(query({ ...page.state, worlds: [world, ...worlds.filter((name) => name !== world)],
      shock: shocks.includes(shock) ? shock : shocks[0] }));
  };

  // What changes while an answer is on its way is asked when that has come: stale drags are
  // dropped, and the last one is always answered.
  const ask = async () => {
    waiting = true;
    changedAt = performance.now();
    if (page.asking) return;
    page.asking = true;
    while (waiting) {
      const since = changedAt;
      waiting = false;
      try {
        if (link !== null) await restore();
        const { worlds } = page.state;
        if (page.sliders !== worlds.join()) drawControls(worlds, await told(`state?${query()}`));
        await draw(worlds, await told(`answer?${query()}`));
        page.latencies.push(performance.now() - since);
        if (page.latencies.length > REMEMBERED) page.latencies.shift();
      } catch (error) {
        say(error.message, true);
      }
    }
    page.asking = false;
  };

  const restore = async () => {
    const found = await told(`state?${link}`);
    link = null;
    page.state = found.state;
    page.sliders = "";
    $("shock").replaceChildren();
    say(found.problems.map((problem) => `In the link: ${problem}`).join("\n"), true);
    drawChoices();
  };
  const changed = () => {
    say("");
    ask();
  };

  // ---------------------------------------------------------------- drawing

  const painted = () => new Promise((done) => {
    // A task that follows a frame's callbacks comes after its painting; a hidden page has no frames.
    if (document.hidden) setTimeout(done, 0);
    else requestAnimationFrame(() => setTimeout(done, 0));
  });

  const draw = async (worlds, answer) => {
    if (page.state.worlds !== worlds) return; // others were chosen meanwhile, and are asked next
    for (const element of document.querySelectorAll("section[data-world]")) {
      const place = worlds.indexOf(element.dataset.world);
      element.hidden = place < 0;
      element.style.order = place;
    }
    await Promise.all(worlds.map((world) => drawPanel(world, answer.panels[world])));
    if (!waiting) {
      page.query = answer.query;
      $("csv").href = `responses.csv?${answer.query}`;
      // Browsers limit how often a page may change its address.
      clearTimeout(addressTimer);
      addressTimer = setTimeout(() => history.replaceState(null, "", `?${answer.query}`), 400);
    }
    await painted();
  };

  const drawPanel = async (world, panel) => {
    const place = section(world);
    place.classList.toggle("warning", panel.level === "warning");
    place.classList.toggle("error", panel.level === "error");
    place.classList.toggle("empty", !panel.point && !panel.exact);
    put(place.querySelector(".shock"), panel.shock);
    put(place.querySelector(".status"), panel.status);
    drawErrors(place.querySelector(".errors"), panel);
    const x = [], y = [];
    for (let j = 0; j < 3; j += 1) {
      // A band is one closed line: along its lower edge and back along its upper one.
      for (const [low, high] of [[0, 3], [1, 2]]) {
        const lower = panel.bands ? panel.bands[low][j] : [];
        const upper = panel.bands ? panel.bands[high][j] : [];
        x.push([...lower.keys(), ...[...upper.keys()].reverse()]);
        y.push([...lower, ...[...upper].reverse()]);
      }
      for (const line of [panel.point, panel.exact]) {
        x.push(line ? [...line[j].keys()] : []);
        y.push(line ? line[j] : []);
      }
    }
    const graph = plot(world);
    // The element's width may be half a pixel from the whole number that clientWidth is.
    if (Math.abs(graph._fullLayout.width - graph.clientWidth) >= 1) await Plotly.Plots.resize(graph);
    const ranges = newRanges(graph, x, y);
    if (ranges) {
      await Plotly.update(graph, { x, y }, ranges);
    } else {
      // Moves the lines and leaves the axes: a third of the work of Plotly.restyle.
      const frame = { data: y.map((values, k) => ({ x: x[k], y: values })), traces: [...y.keys()] };
      await Plotly.animate(graph, frame, STILL);
    }
  };

  // Axes stay while the lines fit them, so that dragging moves lines and not numbers; null is that.
  const newRanges = (graph, x, y) => {
    let same = graph.data.every((trace, k) => trace.y.length === y[k].length);
    const ranges = {};
    for (let j = 0; j < 3; j += 1) {
      const axis = `yaxis${j ? j + 1 : ""}`;
      const values = y.slice(4 * j, 4 * j + 4).flat();
      const low = Math.min(0, ...values), high = Math.max(0, ...values);
      const [bottom, top] = graph._fullLayout[axis].range;
      const fits = low >= bottom && high <= top && high - low > SMALLEST * (top - bottom);
      const flat = high - low < 1e-9;
      same = same && (fits || (flat && top - bottom === 2));
      const margin = 0.12 * (high - low);
      ranges[`${axis}.range`] = flat ? [-1, 1] : [low - margin, high + margin];
      ranges[`xaxis${j ? j + 1 : ""}.range`] = [0, Math.max(1, ...x.slice(4 * j, 4 * j + 4).flat())];
    }
    return same ? null : ranges;
  };

  const drawErrors = (table, panel) => {
    table.hidden = !panel.errors.length;
    if (!panel.errors.length) return;
    if (!table.tBodies.length) {
      const heads = ["", "exact peak", "RMSE", "RMSE / peak", "in 90 % band"];
      table.append(
        make("caption", { textContent: "The emulator's error, in the units above" }),
        make("thead", {}, make("tr", {}, ...heads.map((h) => make("th", { scope: "col", textContent: h })))),
        make("tbody", {}, ...panel.errors.map(() => make("tr", {}, make("th", { scope: "row" }),
          ...[0, 1, 2, 3].map(() => make("td"))))));
    }
    const points = panel.exact[0].length;
    panel.errors.forEach((row, j) => {
      const cells = table.tBodies[0].rows[j].cells;
      const share = row.share === null ? "no response" : `${figures(100 * row.share, 2)} %`;
      const inside = row.inside === null ? "no bands" : `${row.inside} of ${points}`;
      [row.observable, figures(row.peak), figures(row.rmse), share, inside]
        .forEach((text, k) => put(cells[k], text));
    });
  };

  // ---------------------------------------------------------------- controls

  const drawChoices = () => {
    const { worlds, shock } = page.state;
    if (!$("worlds").children.length) {
      for (const [name, { title }] of Object.entries(catalogue.worlds)) {
        const box = make("input", { type: "checkbox", value: name, title });
        box.addEventListener("change", () => chooseWorld(name, box));
        $("worlds").append(make("label", { title }, box, name));
      }
    }
    if (!$("shock").children.length) {
      const list = make("select", { id: "shock-name" });
      list.setAttribute("aria-label", "Shock");
      list.addEventListener("change", () => { page.state.shock = list.value; changed(); });
      const { size, quarters } = catalogue;
      $("shock").append(list,
        control({ key: "size", name: "size", description: "s.d. of the innovation", ...size },
          page.state.size, (value) => { page.state.size = value; }),
        control({ key: "quarters", name: "quarters", description: "last quarter shown", step: 1,
          whole: true, ...quarters },
        page.state.quarters, (value) => { page.state.quarters = value; }));
    }
    for (const box of $("worlds").querySelectorAll("input")) box.checked = worlds.includes(box.value);
    const names = new Set(worlds.flatMap((world) => catalogue.worlds[world].shocks)).add(shock);
    $("shock-name").replaceChildren(...[...names].map((name) => {
      const having = worlds.filter((world) => catalogue.worlds[world].shocks.includes(name));
      const where = having.length === worlds.length ? "" : ` (${having.join(", ") || "in none of these"})`;
      return make("option", { value: name, textContent: name + where, selected: name === shock });
    }));
  };

  const chooseWorld = (name, box) => {
    const others = page.state.worlds.filter((world) => world !== name);
    if (!box.checked && !others.length) {
      box.checked = true;
      say("One world at least stays chosen.");
      return;
    }
    page.state.worlds = box.checked ? [...others, name] : others;
    changed();
  };

  const drawControls = (worlds, { controls }) => {
    if (page.state.worlds !== worlds) return;
    page.sliders = worlds.join();
    drawChoices();
    const groups = new Map();
    for (const item of controls) {
      const homes = item.worlds.join(", ");
      if (!groups.has(homes)) groups.set(homes, []);
      groups.get(homes).push(item);
    }
    $("parameters").replaceChildren(...[...groups].map(([homes, items]) =>
      make("fieldset", {}, make("legend", { textContent: `Parameters of ${homes}` }),
        ...items.map((item) => control(item, page.state.values[item.key] ?? item.value, (value) => {
          page.state.values[item.key] = value;
        })))));
  };

  // A slider for the eye and a box for the exact number, which may lie beyond the slider.
  const control = ({ key, name, description, unit, lower, upper, step, whole }, value, set) => {
    const id = `control-${key}`;
    const range = make("input", { type: "range", id, min: lower, max: upper, step, value });
    const box = make("input", { type: "number", step: whole ? 1 : "any", value });
    const bounds = make("div", { className: "bounds", id: `${id}-bounds` });
    box.setAttribute("aria-label", `${name}, exact number`);
    for (const input of [range, box]) input.setAttribute("aria-describedby", bounds.id);
    // Of an imported model whose author describes nothing, the name is all there is.
    const told = [description === name ? "" : description, unit === "1" ? "" : unit].filter(Boolean).join(", ");
    const place = make("div", { className: "control" },
      make("label", { htmlFor: id }, make("b", { textContent: name }), " ", make("small", { textContent: told })),
      range, box, bounds);
    const judge = (number) => {
      const outside = number < lower || number > upper;
      place.classList.toggle("outside", outside);
      put(bounds, `${outside ? "outside " : ""}${figures(lower)} to ${figures(upper)}`);
    };
    const take = (input, other) => {
      const number = input.valueAsNumber;
      const usable = Number.isFinite(number) && (!whole || (Number.isInteger(number) && number > 0 && number <= 80));
      input.setCustomValidity(usable ? "" : "a number");
      if (!usable) {
        put(bounds, whole ? "expected a whole number from 1 to 80" : "expected a number");
        return;
      }
      other.value = number;
      judge(number);
      set(number);
      changed();
    };
    range.addEventListener("input", () => take(range, box));
    box.addEventListener("input", () => take(box, range));
    judge(value);
    return place;
  };

  // ---------------------------------------------------------------- buttons

  const reset = () => {
    link = "";
    ask();
  };

  const copyLink = async () => {
    history.replaceState(null, "", `?${page.query}`);
    try {
      await navigator.clipboard.writeText(location.href);
      say("Link copied.");
    } catch {
      say("The link is in the address bar."); // no clipboard without leave or a safe origin
    }
  };

  const savePicture = async () => {
    const width = 480, height = 620, head = 76;
    const { worlds, shock, size } = page.state;
    const canvas = make("canvas", { width: 2 * width * worlds.length, height: 2 * (height + head) });
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(document.body);
    pen.scale(2, 2);
    pen.fillStyle = style.backgroundColor;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    for (const [place, world] of worlds.entries()) {
      pen.fillStyle = style.color;
      pen.font = `600 15px ${style.fontFamily}`;
      pen.fillText(`${world}: ${shock}, ${size} s.d.`, place * width + 12, 24);
      pen.font = `13px ${style.fontFamily}`;
      pen.fillText("solid: emulator, with 50 and 90 % bands; dashed: exact", place * width + 12, 43);
      const status = section(world).querySelector(".status").textContent;
      pen.fillText(status, place * width + 12, 62, width - 20);
      const image = new Image();
      image.src = await Plotly.toImage(plot(world), { format: "png", width, height, scale: 2 });
      await image.decode();
      pen.drawImage(image, place * width, head, width, height);
    }
    canvas.toBlob((blob) => save(blob, "responses.png"));
  };

  // ---------------------------------------------------------------- start

  const dress = () => {
    const colours = getComputedStyle(document.documentElement);
    const [text, line, emulator, exact] =
      ["--text", "--line", "--emulator", "--exact"].map((name) => colours.getPropertyValue(name));
    const layout = { "font.color": text, "font.family": "system-ui, Liberation Sans, Arial" };
    for (const axis of ["xaxis", "xaxis2", "xaxis3", "yaxis", "yaxis2", "yaxis3"]) {
      layout[`${axis}.gridcolor`] = line;
      layout[`${axis}.zerolinecolor`] = text;
    }
    const colour = Array.from({ length: 12 }, (_, k) => (k % 4 === 3 ? exact : emulator));
    for (const graph of document.querySelectorAll(".js-plotly-plot")) {
      Plotly.update(graph, { "line.color": colour }, layout);
    }
  };

  const start = async (data) => {
    catalogue = data;
    const worlds = Object.keys(catalogue.worlds);
    // Dash draws the empty plots when Plotly has loaded.
    while (!(window.Plotly?.update && worlds.every((world) => plot(world)?._fullLayout))) {
      await new Promise((again) => setTimeout(again, 20));
    }
    dress();
    window.model.offer(showModel);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
    $("reset").addEventListener("click", reset);
    $("link").addEventListener("click", copyLink);
    $("png").addEventListener("click", savePicture);
    $("controls").addEventListener("submit", (event) => event.preventDefault());
    link = location.search.slice(1);
    await ask();
    document.body.dataset.ready = "yes";
  };

  window.explorer = page; // for measurements and tests
  window.dash_clientside = { ...window.dash_clientside, explorer: { start: (data) => { start(data); return true; } } };
})();

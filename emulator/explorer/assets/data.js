/* The page of a user's file: the file, the question, one at a time to the server, drawing.

The file stays in this page's memory and goes along with every question; the server keeps none. The
form is the question: its fields have the names that the server reads. */
(() => {
  "use strict";

  const MOST_SERIES = 8; // chosen at first, as many as can be answered
  const ROWS = [0, 1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40]; // quarters in the table
  const NEEDS = { recursive: ["to"], observed: ["shock"], proxy: ["instrument", "to"] };
  const LINES = { var: ["dash", "dashed"], bvar: ["dot", "dotted"], lp: ["longdash", "long dashes"],
    penalised: ["dashdot", "dashes and dots"] };
  const { $, make, put, say, held, send, figures, save, takeFiles } = window.dom;
  const { colour, curve, bands, react, replace } = window.drawing;
  const page = { asking: false, answer: null };
  let file = null, read = null, waiting = false;

  const controls = $("controls");
  const chosen = (name) => [...controls.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value);
  const kind = () => chosen("kind")[0];

  // ---------------------------------------------------------------- questions

  const answered = (pairs) => send("data/answer", file, "text/csv", pairs);

  const question = () => {
    const asked = ["columns", "differences", "beside", "horizon", "unit", ...NEEDS[kind()]];
    if (kind() === "recursive") asked.push("after");
    return [...new FormData(controls)].filter(([name]) => asked.includes(name));
  };

  // What changes while an answer is on its way is asked when that has come, which is then not shown.
  const ask = async () => {
    waiting = true;
    if (page.asking) return;
    page.asking = true;
    while (waiting) {
      waiting = false;
      try {
        await step();
      } catch (error) {
        if (waiting) continue;
        clear();
        say(error.message, true);
      }
    }
    page.asking = false;
    busy("");
  };

  const step = async () => {
    if (file === null) return;
    if (read !== file) {
      const asked = file;
      busy("Reading the file…");
      $("asks").hidden = true;
      clear();
      const { series } = await answered([]);
      if (asked !== file) return;
      read = file;
      drawSeries(series);
    }
    const missing = NEEDS[kind()].find((name) => !$(name).value);
    if (missing) {
      const label = controls.querySelector(`label[for=${missing}]`).innerText; // of what is shown
      clear(`Choose: ${label[0].toLowerCase()}${label.slice(1)}.`);
      return;
    }
    busy("Estimating…");
    const answer = await answered(question());
    if (!waiting) await draw(answer);
  };

  const busy = (text) => {
    put($("working"), text);
    document.querySelector("main").setAttribute("aria-busy", String(text !== ""));
  };
  const changed = () => {
    say("");
    ask();
  };

  const take = async (given) => {
    if (!given) return;
    try {
      file = await held(given, "a CSV file");
    } catch (error) {
      say(error.message, true);
      return;
    }
    changed();
  };

  // ---------------------------------------------------------------- controls

  const box = (name, value, label, checked = false) => {
    const input = make("input", { type: "checkbox", name, value, checked });
    if (label) input.setAttribute("aria-label", label);
    return input;
  };

  const drawSeries = (names) => {
    say(names.length > MOST_SERIES
      ? `${file.name}: ${names.length} series, of which the first ${MOST_SERIES} are chosen.`
      : `${file.name}: ${names.length} series.`);
    $("columns").replaceChildren(...names.map((name, j) => make("tr", {},
      make("th", { scope: "row", textContent: name }),
      make("td", {}, make("label", {}, box("columns", name, `use ${name}`, j < MOST_SERIES))),
      make("td", {}, make("label", {}, box("differences", name, `${name} is in differences`))))));
    for (const name of ["to", "shock", "instrument"]) $(name).replaceChildren();
    $("after").replaceChildren();
    $("asks").hidden = false;
    adjust();
  };

  // Lists offer what is used; a series is not ordered before itself.
  const adjust = () => {
    const used = chosen("columns");
    for (const input of controls.querySelectorAll("[name=differences]")) {
      input.disabled = !used.includes(input.value);
    }
    for (const name of ["to", "shock", "instrument"]) {
      const value = $(name).value;
      $(name).replaceChildren(make("option", { value: "", textContent: "choose" }),
        ...used.map((each) => make("option", { value: each, textContent: each, selected: each === value })));
    }
    const held = chosen("after");
    const others = used.filter((name) => name !== $("to").value);
    const there = [...$("after").querySelectorAll("input")].map((input) => input.value);
    if (others.join("\n") !== there.join("\n")) {
      $("after").replaceChildren(...others.map((name) =>
        make("label", {}, box("after", name, "", held.includes(name)), name)));
    }
    for (const part of controls.querySelectorAll("[data-kinds]")) {
      part.hidden = !part.dataset.kinds.split(" ").includes(kind());
    }
  };

  // ---------------------------------------------------------------- drawing

  const clear = (text = "") => {
    page.answer = null;
    put($("question"), text);
    replace($("panels"));
    $("numbers").hidden = true;
    put($("caveats"), "");
    for (const name of ["csv", "png"]) $(name).disabled = true;
  };

  const draw = async (answer) => {
    page.answer = answer;
    put($("question"), `${file.name}, ${answer.data}. ${answer.question}`);
    put($("caveats"), answer.caveats);
    for (const name of Object.keys(LINES)) {
      document.querySelector(`.legend .${name}`).hidden = !(name in answer.beside);
    }
    const there = [...$("panels").children].map((place) => place.dataset.series);
    if (there.join("\n") !== answer.series.join("\n")) {
      replace($("panels"), ...answer.series.map((name, j) => {
        const plot = make("div", { className: "plot", role: "img" });
        plot.setAttribute("aria-label", `Response of ${name}; the numbers are below the plots`);
        const place = make("section", {}, make("h2", { id: `series-${j}`, textContent: name }), plot);
        place.dataset.series = name;
        place.setAttribute("aria-labelledby", `series-${j}`);
        return place;
      }));
    }
    const plots = [...$("panels").querySelectorAll(".plot")];
    await Promise.all(plots.map((plot, j) => react(plot, lines(answer, j))));
    drawNumbers(answer);
    for (const name of ["csv", "png"]) $(name).disabled = false;
  };

  const lines = (answer, j) => {
    const edges = answer.bands.map((level) => level[j]);
    const others = Object.entries(answer.beside).map(([name, series]) =>
      curve(name, series[j], { color: colour(`--${name}`), width: 1.7, dash: LINES[name][0] }));
    return [...bands(edges), ...others,
      curve("answer", edges[2], { color: colour("--emulator"), width: 2.2 })];
  };

  const drawNumbers = (answer) => {
    const last = answer.bands[0][0].length - 1;
    const cell = (h, j) => {
      const [low, , middle, , high] = answer.bands.map((level) => figures(level[j][h]));
      return `${middle} [${low}, ${high}]`;
    };
    document.querySelector("#numbers table").replaceChildren(
      make("caption", { textContent: "The answer and its 90 % band" }),
      make("thead", {}, make("tr", {}, ...["quarter", ...answer.series].map((text) =>
        make("th", { scope: "col", textContent: text })))),
      make("tbody", {}, ...ROWS.filter((h) => h <= last).map((h) => make("tr", {},
        make("th", { scope: "row", textContent: h }),
        ...answer.series.map((_, j) => make("td", { textContent: cell(h, j) }))))));
    $("numbers").hidden = false;
  };

  const savePicture = async () => {
    const width = 420, height = 300, head = 70, title = 26;
    const plots = [...$("panels").querySelectorAll(".plot")];
    const across = Math.min(plots.length, plots.length > 4 ? 3 : 2);
    const down = Math.ceil(plots.length / across);
    const canvas = make("canvas", { width: 2 * width * across, height: 2 * ((height + title) * down + head) });
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(document.body);
    pen.scale(2, 2);
    pen.fillStyle = style.backgroundColor;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = style.color;
    const write = (text, x, y, font, most) => {
      pen.font = `${font} ${style.fontFamily}`;
      pen.fillText(text, x, y, most);
    };
    const beside = Object.keys(page.answer.beside).map((name) => `; ${LINES[name][1]}: ${name}`);
    const wide = width * across - 24;
    write($("question").textContent, 12, 22, "600 14px", wide);
    write(`solid: answer, with 68 and 90 % bands${beside.join("")}`, 12, 42, "13px", wide);
    write($("caveats").textContent, 12, 62, "13px", wide);
    for (const [place, plot] of plots.entries()) {
      const x = width * (place % across), y = head + (height + title) * Math.floor(place / across);
      write(page.answer.series[place], x + 12, y + 18, "600 14px", width - 24);
      const image = new Image();
      image.src = await Plotly.toImage(plot, { format: "png", width, height, scale: 2 });
      await image.decode();
      pen.drawImage(image, x, y + title, width, height);
    }
    canvas.toBlob((blob) => save(blob, "responses.png"));
  };

  // ---------------------------------------------------------------- start

  takeFiles($("file"), take);
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("input", (event) => {
    if (event.target === $("file")) return;
    adjust();
    changed();
  });
  $("csv").addEventListener("click", () => {
    save(new Blob([page.answer.csv], { type: "text/csv" }), "responses.csv");
  });
  $("png").addEventListener("click", savePicture);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    if (page.answer) draw(page.answer);
  });
  clear("Choose or drop a CSV file of two to eight quarterly series, and ask what follows a shock.");
  window.explorer = page; // for tests
  document.body.dataset.ready = "yes";
})();

/* A model of one's own: a .mod file, sent to the program that shows the page, becomes a world of it. */
(() => {
  "use strict";

  const { $, make, say, held, send, takeFiles } = window.dom;
  const EXPRESSIONS = { output: "100*y", inflation: "400*pi", rate: "400*i" };
  let file = null;

  // show: called with the name of the world that a file became, and its shocks.
  const offer = (show) => {
    const input = make("input", { type: "file", id: "file", accept: ".mod,.dyn" });
    input.setAttribute("aria-describedby", "file-hint");
    const fields = make("details", {}, make("summary", { textContent: "Its observables and names" }),
      ...Object.entries({ ...EXPRESSIONS, names: "e_m=monetary, phi=phi_pi" }).map(([name, placeholder]) =>
        make("label", { className: "pair", textContent: name },
          make("input", { type: "text", id: `model-${name}`, placeholder, autocomplete: "off", spellcheck: false }))),
      make("p", { id: "file-hint", className: "hint", textContent: "At most 1 MB. It is solved exactly, and shown as long "
        + "as this program runs. Nothing in it is executed, and nothing is written." }));
    $("model").append(
      make("div", { className: "drop" },
        make("label", { htmlFor: "file", textContent: "A .mod file, chosen or dropped anywhere" }),
        input),
      fields);
    fields.addEventListener("change", () => { if (file) begin(() => read(show)); });
    takeFiles(input, (given) => {
      if (given) begin(() => take(given, show));
    });
  };

  const take = async (given, show) => {
    try {
      file = await held(given, "a Dynare model");
    } catch (error) {
      say(error.message, true);
      return;
    }
    await read(show);
  };

  const read = async (show) => {
    say(`Reading ${file.name}…`);
    const text = (name) => $(`model-${name}`).value;
    const expressions = Object.keys(EXPRESSIONS).map((name) => [name, text(name)]);
    const names = text("names").split(",").filter((pair) => pair.trim()).map((pair) => ["names", pair]);
    try {
      const { world, shocks } = await send("model", file, "text/x-dynare", [...expressions, ...names]);
      show(world, shocks);
    } catch (error) {
      say(error.message, true);
    }
  };

  // One after the other: each is shown or refused before the next is read.
  let reading = Promise.resolve();
  const begin = (work) => { reading = reading.then(work); };
  // Resolved when every file has been shown or refused.
  const all = async () => {
    for (let last = null; last !== reading;) {
      last = reading;
      await last;
    }
  };

  window.model = { offer, done: all };
})();

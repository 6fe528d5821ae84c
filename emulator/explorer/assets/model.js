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
    const begin = () => { model.reading = read(show); };
    fields.addEventListener("change", () => { if (file) begin(); });
    takeFiles(input, async (given) => {
      if (!given) return;
      try {
        file = await held(given, "a Dynare model");
      } catch (error) {
        say(error.message, true);
        return;
      }
      begin();
    });
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

  // reading: resolved when the last file has been shown or refused.
  const model = { offer, reading: null };
  window.model = model;
})();

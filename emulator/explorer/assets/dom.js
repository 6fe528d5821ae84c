/* What the scripts of all pages use: elements, the message place, the server, files to save. */
(() => {
  "use strict";

  const PATIENCE = 60000; // milliseconds until an answer is given up; the first compiles and loads
  const MOST_BYTES = 1e6; // of a file that the server takes
  const $ = (id) => document.getElementById(id);
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const put = (element, text) => {
    // Setting equal text would be announced again by a screen reader.
    if (element.textContent !== text) element.textContent = text;
  };
  const say = (text, error = false) => {
    put($("message"), text);
    $("message").classList.toggle("error", error);
  };

  // The server's JSON; an error says what is wrong, in words.
  const reply = async (address, options = {}) => {
    let found;
    try {
      found = await fetch(address, { signal: AbortSignal.timeout(PATIENCE), ...options });
    } catch {
      throw new Error("No answer: is `emulator explore` still running?");
    }
    if (found.status === 422) throw new Error((await found.json()).problem);
    if (!found.ok) throw new Error(`The server failed (${found.status}).`);
    return found.json();
  };

  // A file's name and content, for the server. In memory: browsers refuse to read a file again that
  // changed on the disk.
  const held = async (given, expected) => {
    if (given.size > MOST_BYTES) throw new Error(`${given.name}: too large, at most 1 MB is read`);
    try {
      return { name: given.name, content: await given.arrayBuffer() };
    } catch {
      throw new Error(`${given.name}: cannot be read; expected ${expected}`);
    }
  };
  const send = (address, file, type, pairs) =>
    reply(`${address}?${new URLSearchParams([["name", file.name], ...pairs])}`,
      { method: "POST", headers: { "Content-Type": type }, body: file.content });

  const figures = (value, digits = 3) => {
    if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e5)) {
      return value.toExponential(1);
    }
    return String(Number(value.toPrecision(digits)));
  };

  const save = (blob, name) => {
    const saved = make("a", { href: URL.createObjectURL(blob), download: name });
    saved.click();
    setTimeout(() => URL.revokeObjectURL(saved.href), 1000);
  };

  // Files chosen in an input or dropped anywhere on the page.
  const takeFiles = (input, take) => {
    const drops = (event) => event.dataTransfer?.types.includes("Files");
    const dropping = (yes) => document.body.classList.toggle("dropping", yes);
    input.addEventListener("click", () => { input.value = ""; }); // the same file, chosen again, is news
    input.addEventListener("change", () => take(input.files[0]));
    for (const name of ["dragenter", "dragover"]) {
      document.addEventListener(name, (event) => {
        if (!drops(event)) return;
        event.preventDefault(); // else the browser would leave the page for the file
        dropping(true);
      });
    }
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) dropping(false); });
    document.addEventListener("drop", (event) => {
      if (!drops(event)) return;
      event.preventDefault();
      dropping(false);
      input.value = ""; // it would go on naming the file chosen before
      take(event.dataTransfer.files[0]);
    });
  };

  window.dom = { $, make, put, say, reply, held, send, figures, save, takeFiles };
})();

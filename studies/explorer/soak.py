"""Random input for minutes, as fast as a page takes it, and the memory of page and server.

Sliders are moved, numbers good and bad typed, worlds and shocks chosen, files handed over, damaged
ones among them. Memory is read after collecting garbage, always in the same state of a page, so
that readings are comparable. Three things would grow that are no leak of the page's:

- Plotly remembers the size of each label it drew, until they are 10,000, and then forgets them all
  (`savedBBoxes`). They are counted, and forgotten before each reading.
- The browser keeps what is typed for undoing it, and the nodes with it. So a page is brought to its
  state by script, not by typing.
- The process that drives the browser keeps its requests. So the server has a process of its own.

The page of models starts with as many as are kept.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil
from playwright.sync_api import Page

from emulator.explorer.answers import MOST_DROPPED
from emulator.foreign.answers import BESIDE
from studies.explorer.browser import drop_model, hand, settle, visit
from studies.explorer.inputs import MODEL

MEBIBYTE = 2.0**20
FEWEST = 10  # actions between readings, where others want the cores

# One random action; returns what it was. Runs in the page, so that input comes as fast as from a
# hand that drags.
ACT = """(random) => {
  const pick = (list) => list[Math.floor(random[0] * list.length)];
  const fire = (element, value, kind) => {
    element.value = value;
    element.dispatchEvent(new Event(kind, { bubbles: true }));
  };
  const sliders = [...document.querySelectorAll("input[type=range]")];
  if (random[1] < 0.85) {
    const slider = pick(sliders);
    const low = Number(slider.min), high = Number(slider.max);
    fire(slider, low + (high - low) * random[2], "input");
    return "slider";
  }
  if (random[1] < 0.92) {
    const text = ["", "1e9", "-3", "0", "0.5", "1e-30", "2.5"][Math.floor(random[2] * 7)];
    fire(pick([...document.querySelectorAll("input[type=number]")]), text, "input");
    return "number";
  }
  if (random[1] < 0.95) {
    const box = pick([...document.querySelectorAll("#worlds input")]);
    box.click();
    return "world";
  }
  if (random[1] < 0.98) {
    const list = document.getElementById("shock-name");
    fire(list, pick([...list.options]).value, "change");
    return "shock";
  }
  document.getElementById("reset").click();
  return "reset";
}"""

# The same on the pages of files: any of their controls.
CHOOSE = """(random) => {
  const controls = [...document.querySelectorAll("#controls :is(input:not([type=file]), select)")]
    .filter((each) => each.offsetParent && !each.disabled);
  if (!controls.length) return "nothing";
  const one = controls[Math.floor(random[0] * controls.length)];
  if (one.type === "checkbox" || one.type === "radio") {
    one.click();
    return one.type;
  }
  const values = one.options ? [...one.options].map((each) => each.value)
    : ["", "-3", "0", "0.5", "8", "40", "1e9"];
  one.value = values[Math.floor(random[1] * values.length)];
  for (const kind of ["input", "change"]) one.dispatchEvent(new Event(kind, { bubbles: true }));
  return one.type;
}"""

# Give a field a value, as typing it would, but with nothing to undo.
ENTER = """([id, value]) => {
  const field = document.getElementById(id);
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}"""

# Forget the sizes of labels, among all objects, and return how many there were: a size is under
# what distinguishes its label, which ends with a style.
FORGET = """function () {
  let count = 0;
  for (const one of this) {
    const [first] = Object.keys(one);
    if (!first?.includes("font-family") || !("bottom" in Object(one[first]))) continue;
    for (const label of Object.keys(one)) {
      delete one[label];
      count += 1;
    }
  }
  return count;
}"""


@dataclass(frozen=True)
class Subject:
    """A page under random input.

    path: below the server's address. act: does one thing and says what. rest: brings the page to
    the state in which memory is read. begin: what is done once, before all.
    """

    path: str
    act: Callable[[Page, random.Random], str]
    rest: Callable[[Page], None]
    begin: Callable[[Page], None] = lambda page: None


def _in_page(script: str, page: Page, rng: random.Random) -> str:
    """Carry out a script in the page, so that input comes as fast as from a hand that drags."""
    found: str = page.evaluate(script, [rng.random() for _ in range(3)])
    return found


def worlds() -> Subject:
    """The page of worlds, on which nothing is dropped."""
    return Subject("", lambda page, rng: _in_page(ACT, page, rng), _reset)


def _reset(page: Page) -> None:
    page.click("#reset")
    settle(page)
    page.evaluate("() => { window.explorer.latencies.length = 0; }")


def models() -> Subject:
    """The page of worlds with models dropped, more than are kept, and damaged ones."""

    def begin(page: Page) -> None:
        for j in range(MOST_DROPPED):
            drop_model(page, f"m{j}.mod", MODEL.encode())

    def act(page: Page, rng: random.Random) -> str:
        kind = rng.random()
        if kind < 0.8:
            return _in_page(ACT, page, rng)
        name = f"m{rng.randrange(MOST_DROPPED + 2)}.mod"
        if kind < 0.9:
            hand(page, name, MODEL[: rng.randrange(300)].encode())
            page.wait_for_selector("#message.error:not(:empty)")
            return "damaged model"
        drop_model(page, name, MODEL.replace("0.7", f"{rng.uniform(0.1, 0.9):.3f}").encode())
        return "model"

    return Subject("", act, _reset, begin)


def data(content: bytes) -> Subject:
    """The page of a file of series, handed this one, with a column `rate`, and damaged ones."""

    def act(page: Page, rng: random.Random) -> str:
        if rng.random() < 0.9:
            found = _in_page(CHOOSE, page, rng)
            if rng.random() < 0.5:  # else input comes faster than answers
                settle(page)
            return found
        damaged = rng.random() < 0.3
        hand(page, "us.csv", content[: rng.randrange(2000)] if damaged else content)
        settle(page)
        if not damaged:
            page.check("[name=kind][value=recursive]")  # which shows the next
            page.select_option("#to", "rate")
        return "damaged file" if damaged else "file"

    def rest(page: Page) -> None:
        hand(page, "us.csv", content)
        settle(page)
        page.check("[name=kind][value=recursive]")
        for name in BESIDE:
            page.uncheck(f"[name=beside][value={name}]")
        for name, value in (("horizon", "20"), ("unit", "1")):
            page.evaluate(ENTER, [name, value])
        page.select_option("#to", "rate")
        settle(page)

    return Subject("data", act, rest)


def estimate(content: bytes) -> Subject:
    """The page of an estimate, handed this one and damaged ones."""

    def act(page: Page, rng: random.Random) -> str:
        if rng.random() < 0.8:
            return _in_page(CHOOSE, page, rng)
        damaged = rng.random() < 0.3
        hand(page, "estimate.json", content[: rng.randrange(2000)] if damaged else content)
        return "damaged file" if damaged else "file"

    def rest(page: Page) -> None:
        hand(page, "last.json", content)
        page.wait_for_function(
            "() => document.getElementById('message').textContent.startsWith('last')"
        )
        page.wait_for_timeout(500)  # drawing

    return Subject("estimate", act, rest)


def soak(
    page: Page,
    address: str,
    server: psutil.Process,
    subject: Subject,
    seconds: float,
    every: float,
    seed: int = 0,
) -> dict[str, Any]:
    """Random input for some seconds; memory of page and server is read every so many, latencies are
    kept where the page measures them."""
    rng = random.Random(seed)
    tracer = page.context.new_cdp_session(page)
    tracer.send("Performance.enable")
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    visit(page, f"{address}{subject.path}")
    subject.begin(page)
    actions: dict[str, int] = {}
    latencies: list[float] = []
    readings: list[dict[str, float]] = []
    start = time.monotonic()
    due, since = 0.0, FEWEST
    while True:
        now = time.monotonic() - start
        if (now >= due or now >= seconds) and since >= FEWEST:
            latencies += page.evaluate("() => window.explorer.latencies?.splice(0) ?? []")
            subject.rest(page)
            readings.append({"seconds": round(now, 1), **memory(tracer, server)})
            due, since = due + every, 0
            if now >= seconds and len(readings) > 2:  # what loads and compiles at first is no leak
                break
        done = subject.act(page, rng)
        actions[done] = actions.get(done, 0) + 1
        since += 1
        time.sleep(0.01)
    measured = {}
    if latencies:
        measured["answers"] = len(latencies)
        measured["median_milliseconds"] = round(statistics.median(latencies), 1)
    return {
        "seconds": round(seconds, 1),
        "actions": actions,
        **measured,
        "page_errors": failures,
        "readings": readings,
    }


def memory(tracer: Any, server: psutil.Process) -> dict[str, float]:
    """Labels forgotten; then, after collecting garbage, megabytes of the page's script, its nodes
    and listeners, and the server's resident megabytes."""
    labels = _forget_labels(tracer)
    for _ in range(3):  # what is freed by one round frees more in the next
        tracer.send("HeapProfiler.collectGarbage")
    metrics = {m["name"]: m["value"] for m in tracer.send("Performance.getMetrics")["metrics"]}
    return {
        "labels": labels,
        "page_megabytes": round(metrics["JSHeapUsedSize"] / MEBIBYTE, 2),
        "nodes": metrics["Nodes"],
        "listeners": metrics["JSEventListeners"],
        "server_megabytes": round(server.memory_info().rss / MEBIBYTE, 1),
    }


def _forget_labels(tracer: Any) -> int:
    """Have Plotly forget the sizes of labels. They are in reach of none but the debugger, which
    finds them among all objects of the page."""
    group = {"objectGroup": "labels"}
    every = tracer.send("Runtime.evaluate", {"expression": "Object.prototype", **group})
    found = tracer.send(
        "Runtime.queryObjects", {"prototypeObjectId": every["result"]["objectId"], **group}
    )
    count = tracer.send(
        "Runtime.callFunctionOn",
        {
            "objectId": found["objects"]["objectId"],
            "functionDeclaration": FORGET,
            "returnByValue": True,
        },
    )
    tracer.send("Runtime.releaseObjectGroup", group)
    return int(count["result"]["value"])

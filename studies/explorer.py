"""The explorer in headless Chromium: how fast it redraws, ten minutes of random input, pictures.

    python -m studies.explorer soak [--weights W] [--minutes 10]   # results/explorer/soak.json
    python -m studies.explorer pictures [--weights W]              # docs/figures/explorer_*.png

The soak moves sliders, types numbers good and bad, chooses worlds and shocks, resets and follows
broken links, at random and as fast as the page takes it; every half minute it collects garbage and
reads the memory of page and server. Needs Chromium, the system's.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import runpy
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from playwright.sync_api import Page, sync_playwright

import emulator
from emulator.estimation.estimates_on_disk import as_dict
from emulator.explorer.app import make_local_server
from emulator.inference import Bank, Emulator
from emulator.provenance import commit
from emulator.storage import write_atomically

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "explorer" / "soak.json"
FIGURES = ROOT / "docs" / "figures"
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESKTOP, PHONE, TALL = (1280, 860), (390, 844), (1280, 1560)
SETTLED = "() => document.body.dataset.ready === 'yes' && !window.explorer.asking"
KEPT = (
    "explorer_desktop",
    "explorer_phone",
    "explorer_data",
    "explorer_estimate",
)  # pictures in docs/figures
MINUTE = 60.0
MEBIBYTE = 2.0**20


@contextmanager
def serving(model: Emulator | Bank) -> Iterator[str]:
    """A server on a free port of this machine; yields its address."""
    server = make_local_server(model, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def browsing(**options: Any) -> Iterator[Page]:
    """A page of a new headless Chromium with an empty profile; options are of its context."""
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, headless=True, args=list(FLAGS), **options
        )
        try:
            yield context.pages[0]
        finally:
            context.close()


def visit_data(page: Page, address: str, content: bytes, to: str, after: Sequence[str]) -> None:
    """Open the page of a user's file, hand it one, and wait for the answer to a question."""
    visit(page, f"{address}data")
    page.set_input_files(
        "#file", {"name": "us_levels.csv", "mimeType": "text/csv", "buffer": content}
    )
    page.select_option("#to", to)
    for name in after:
        page.check(f"[name=after][value={name}]")
    page.check("[name=beside][value=var]")
    settle(page)


def visit_estimate(page: Page, address: str, content: bytes) -> None:
    """Open the page of an estimate, and hand it one."""
    visit(page, f"{address}estimate")
    page.set_input_files(
        "#file", {"name": "estimate.json", "mimeType": "application/json", "buffer": content}
    )
    page.wait_for_selector("#contributions section:last-child .js-plotly-plot")


def visit(page: Page, address: str) -> None:
    """Open an address and wait for its answer."""
    page.goto(address)
    settle(page)


def settle(page: Page) -> None:
    """Wait until the last change is drawn."""
    page.wait_for_function(SETTLED, timeout=60_000)


@dataclass(frozen=True)
class Drag:
    """milliseconds: from an input event to its painted answer, for each answer; of inputs that
    come faster than answers, the last before each is timed. processor: milliseconds of processor
    time an answer took, in page and server together: on a crowded machine, what an idle one would
    need."""

    milliseconds: list[float]
    processor: float

    def summary(self) -> dict[str, float]:
        return {
            "answers": len(self.milliseconds),
            "median_milliseconds": round(statistics.median(self.milliseconds), 1),
            "fastest_milliseconds": round(min(self.milliseconds), 1),
            "slowest_milliseconds": round(max(self.milliseconds), 1),
            "processor_milliseconds": round(self.processor, 1),
            "load_average": round(os.getloadavg()[0], 2),
        }


def drag(page: Page, name: str, steps: int = 60, pause: float = 0.016) -> Drag:
    """Drag a slider across by mouse."""
    slider = page.locator(f"[id='control-{name}']")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    page.evaluate("() => { window.explorer.latencies.length = 0; }")
    height = box["y"] + box["height"] / 2
    before = processor_seconds()
    page.mouse.move(box["x"] + 0.1 * box["width"], height)
    page.mouse.down()
    for step in range(steps):
        page.mouse.move(box["x"] + (0.1 + 0.8 * step / steps) * box["width"], height)
        time.sleep(pause)
    page.mouse.up()
    settle(page)
    times = [float(x) for x in page.evaluate("() => window.explorer.latencies")]
    return Drag(times, 1e3 * (processor_seconds() - before) / len(times))


def processor_seconds() -> float:
    """Of this process, which serves, and of the browser's pages."""
    own = psutil.Process()
    pages = [p for p in own.children(recursive=True) if "--type=renderer" in p.cmdline()]
    return sum(sum(p.cpu_times()[:2]) for p in (own, *pages))


# ---------------------------------------------------------------------- soak

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


def soak(page: Page, address: str, seconds: float, every: float, seed: int = 0) -> dict[str, Any]:
    """Random input for some seconds; memory is read every so many, latencies are kept.

    Every reading is taken in the page's default state, so that readings are comparable.
    """
    rng = random.Random(seed)
    tracer = page.context.new_cdp_session(page)
    tracer.send("Performance.enable")
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    visit(page, address)
    actions: dict[str, int] = {}
    latencies: list[float] = []
    readings: list[dict[str, float]] = []
    start = time.monotonic()
    due = 0.0
    while True:
        now = time.monotonic() - start
        if now >= due or now >= seconds:
            latencies += page.evaluate("() => window.explorer.latencies.splice(0)")
            page.click("#reset")
            settle(page)
            page.evaluate("() => { window.explorer.latencies.length = 0; }")
            readings.append({"seconds": round(now, 1), **memory(tracer)})
            due += every
            if now >= seconds:
                break
        done = page.evaluate(ACT, [rng.random() for _ in range(3)])
        actions[done] = actions.get(done, 0) + 1
        time.sleep(0.01)
    return {
        "seconds": round(seconds, 1),
        "actions": actions,
        "answers": len(latencies),
        "median_milliseconds": round(statistics.median(latencies), 1) if latencies else None,
        "page_errors": failures,
        "readings": readings,
    }


def memory(tracer: Any) -> dict[str, float]:
    """Megabytes of the page's script after collecting garbage, its nodes and listeners, and the
    server's resident megabytes."""
    for _ in range(3):  # what is freed by one round frees more in the next
        tracer.send("HeapProfiler.collectGarbage")
    metrics = {m["name"]: m["value"] for m in tracer.send("Performance.getMetrics")["metrics"]}
    return {
        "page_megabytes": round(metrics["JSHeapUsedSize"] / MEBIBYTE, 2),
        "nodes": metrics["Nodes"],
        "listeners": metrics["JSEventListeners"],
        "server_megabytes": round(psutil.Process().memory_info().rss / MEBIBYTE, 1),
    }


def run_soak(model: Emulator | Bank, minutes: float) -> None:
    code = commit()  # before ten minutes in which files may change
    with serving(model) as address, browsing(viewport=_size(DESKTOP)) as page:
        visit(page, address)
        drags = {}
        for worlds in ("nk", "nk,rbc", "nk,rbc,zlb,sw07"):
            if all(world in model.worlds for world in worlds.split(",")):
                visit(page, f"{address}?worlds={worlds}&shock=monetary")
                drags[worlds] = drag(page, "size").summary()
        print(drags, flush=True)
        found = soak(page, address, MINUTE * minutes, min(30.0, MINUTE * minutes / 4))
        chromium = page.context.browser
        version = chromium.version if chromium else ""
    facts = {
        "commit": code,
        "weights_sha256": model.of("nk").provenance["weights_sha256"],
        "machine": {
            "cores": os.cpu_count(),
            "load_average": round(os.getloadavg()[0], 2),
            "chromium": version,
        },
        "drags": drags,
        "soak": found,
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(RESULTS, (json.dumps(facts, indent=1) + "\n").encode())
    print(json.dumps({**found, "readings": [found["readings"][0], found["readings"][-1]]}))


# ---------------------------------------------------------------------- pictures


def pictures(model: Emulator | Bank, folder: Path | None) -> None:
    """Those that docs/ keeps; into another folder, all: several worlds, an indeterminate draw, a
    dark page with a bad link, and more of the page of a file (a query of None) too."""
    shots: dict[str, tuple[tuple[int, int], str | None, bool]] = {
        "explorer_desktop": (DESKTOP, "worlds=nk,zlb&shock=demand&size=-2&set=phi_pi=1.8", False),
        "explorer_phone": (PHONE, "worlds=nk,rbc&shock=monetary", True),
        "explorer_worlds": ((1920, 1000), "worlds=nk,rbc,zlb,sw07&shock=monetary", False),
        "explorer_indeterminate": (DESKTOP, "worlds=nk,rbc&shock=monetary&set=phi_pi=0.8", False),
        "explorer_dark": (DESKTOP, "worlds=nk,lss&shock=monetary&size=0.1&set=nonsense=1", False),
        "explorer_data": (DESKTOP, None, False),
        "explorer_data_phone": (PHONE, None, True),
        "explorer_data_dark": (DESKTOP, None, False),
        "explorer_estimate": (TALL, None, False),
        "explorer_estimate_phone": (PHONE, None, True),
    }
    kept = KEPT if folder is None else tuple(shots)
    estimated = us_estimate()
    folder = folder or FIGURES
    folder.mkdir(parents=True, exist_ok=True)
    with serving(model) as address:
        for name in kept:
            size, query, mobile = shots[name]
            options: dict[str, Any] = {"viewport": _size(size)}
            if mobile:
                options |= {"has_touch": True, "is_mobile": True}
            if name.endswith("dark"):
                options["color_scheme"] = "dark"
            with browsing(**options) as page:
                if name.startswith("explorer_estimate"):
                    visit_estimate(page, address, estimated)
                elif query is None:
                    after = ("output", "prices", "unemployment")
                    visit_data(page, address, us_levels(), "rate", after)
                else:
                    visit(page, f"{address}?{query}")
                if not page.locator("section:visible .js-plotly-plot").count():
                    raise RuntimeError(f"{name}: {page.locator('#message').inner_text()}")
                page.screenshot(path=folder / f"{name}.png")
                print(folder / f"{name}.png", flush=True)


def us_estimate() -> bytes:
    """estimate.json of two worlds on US data."""
    history = runpy.run_path(str(ROOT / "examples" / "us_data.py"))["us_history"]()
    found = emulator.estimate(["nk", "rbc"], history, draws=400, runs=2)
    return json.dumps(as_dict(found)).encode()


def us_levels() -> bytes:
    """The file of docs/any-data.md: US series in levels, 1959Q1 to 2008Q3, as CSV."""
    from statsmodels.datasets import macrodata

    raw = macrodata.load_pandas().data
    us = pd.DataFrame()
    us["date"] = [f"{int(y)}Q{int(q)}" for y, q in zip(raw["year"], raw["quarter"], strict=True)]
    us["output"] = 100 * np.log(raw["realgdp"])
    us["prices"] = 100 * np.log(raw["cpi"])
    us["unemployment"] = raw["unemp"]
    us["rate"] = raw["tbilrate"]
    return us[us["date"] < "2008Q4"].to_csv(index=False).encode()


def _size(size: tuple[int, int]) -> dict[str, int]:
    return {"width": size[0], "height": size[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("soak", "pictures"))
    parser.add_argument("--weights", type=Path, help="a weights or run folder; the shipped ones")
    parser.add_argument("--minutes", type=float, default=10.0, help="of random input")
    parser.add_argument("--folder", type=Path, help="where all pictures go; docs keeps four")
    options = parser.parse_args()
    model = emulator.load_bank([options.weights] if options.weights else [])
    if options.what == "soak":
        run_soak(model, options.minutes)
    else:
        pictures(model, options.folder)


if __name__ == "__main__":
    main()

"""How fast the page redraws while a slider is dragged."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass

import psutil
from playwright.sync_api import Page

from studies.explorer.browser import settle


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
    """Of this process and of the server, which may be a process of its own, and of the browser's
    pages."""
    own = psutil.Process()
    others = [
        p
        for p in own.children(recursive=True)
        if not {"--type=renderer", "emulator.cli"}.isdisjoint(p.cmdline())
    ]
    return sum(sum(p.cpu_times()[:2]) for p in (own, *others))

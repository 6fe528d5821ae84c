"""A server and a headless Chromium, the system's, that opens its pages."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, sync_playwright

from emulator.explorer.app import make_local_server
from emulator.inference import Bank, Emulator

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESKTOP, PHONE, TALL = (1280, 860), (390, 844), (1280, 1560)
ANEW = "() => document.readyState === 'complete' && window.explorer && !window.explorer.old"
SETTLED = "() => document.body.dataset.ready === 'yes' && !window.explorer.asking"


@contextmanager
def serving(model: Emulator | Bank) -> Iterator[str]:
    """A server of this process, on a free port of this machine; yields its address."""
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
def exploring(weights: Path | None) -> Iterator[tuple[str, psutil.Process]]:
    """`emulator explore` as a user starts it, with these weights or the shipped ones; yields its
    address and its process, whose memory is a server's alone."""
    command = [sys.executable, "-m", "emulator.cli", "explore", "--no-browser", "--port", "0"]
    command += ["--weights", str(weights)] if weights else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            said = child.stdout.readline()
            if not said:
                raise RuntimeError("emulator explore has ended; what it says of it is above")
            yield said.split()[0], psutil.Process(child.pid)
        finally:
            child.terminate()


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


def hand(page: Page, name: str, content: bytes) -> None:
    """Choose a file of this name and content."""
    kind = "application/octet-stream"
    page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": content})


def visit_data(page: Page, address: str, content: bytes, to: str, after: Sequence[str]) -> None:
    """Open the page of a user's file, hand it one, and wait for the answer to a question."""
    visit(page, f"{address}data")
    hand(page, "us_levels.csv", content)
    page.select_option("#to", to)
    for name in after:
        page.check(f"[name=after][value={name}]")
    page.check("[name=beside][value=var]")
    settle(page)


def visit_estimate(page: Page, address: str, content: bytes) -> None:
    """Open the page of an estimate, and hand it one."""
    visit(page, f"{address}estimate")
    hand(page, "estimate.json", content)
    page.wait_for_selector("#contributions section:last-child .js-plotly-plot")


def drop_model(page: Page, name: str, content: bytes, names: str = "") -> None:
    """Hand the page of worlds a model that it can show, and wait until it does. names: what its
    shocks and parameters are called, as the page asks for them."""
    if names:
        page.click("#model summary")
        page.fill("#model-names", names)
    # Not expect_navigation: the page's change of its own address is one too.
    page.evaluate("() => { window.explorer.old = true; }")
    hand(page, name, content)
    page.wait_for_function(ANEW, timeout=60_000)
    settle(page)


def visit(page: Page, address: str) -> None:
    """Open an address and wait for its answer."""
    page.goto(address)
    settle(page)


def settle(page: Page) -> None:
    """Wait until the last change is drawn."""
    page.wait_for_function(SETTLED, timeout=60_000)


def size_of(size: tuple[int, int]) -> dict[str, int]:
    """A viewport, as Playwright takes it."""
    return {"width": size[0], "height": size[1]}

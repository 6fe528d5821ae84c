"""The explorer in headless Chromium: how fast it redraws, random input for minutes, pictures.

    python -m studies.explorer soak [--weights W] [--minutes 10]   # results/explorer/soak.json
    python -m studies.explorer files [--weights W] [--minutes 10]  # results/explorer/files.json
    python -m studies.explorer pictures [--weights W]              # docs/figures/explorer_*.png

`soak` drags sliders on the page of worlds and then lets random input loose on it; `files` does
that, a third of the minutes each, with models dropped on it and on the pages of data and of an
estimate.
Memory is read every half minute, or more often in a short one.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import emulator
from emulator.provenance import commit
from emulator.storage import write_atomically
from studies.explorer.browser import DESKTOP, browsing, exploring, size_of, visit
from studies.explorer.drags import drag
from studies.explorer.inputs import ROOT, us_estimate, us_levels
from studies.explorer.pictures import pictures
from studies.explorer.soak import data, estimate, models, soak, worlds

RESULTS = ROOT / "results" / "explorer"
MINUTE = 60.0


def soak_worlds(known: Sequence[str], weights: Path | None, minutes: float) -> dict[str, Any]:
    """Drags of one, two and four worlds, then the soak."""
    with (
        exploring(weights) as (address, server),
        browsing(viewport=size_of(DESKTOP)) as page,
    ):
        visit(page, address)
        drags = {}
        for names in ("nk", "nk,rbc", "nk,rbc,zlb,sw07"):
            if all(world in known for world in names.split(",")):
                visit(page, f"{address}?worlds={names}&shock=monetary")
                drags[names] = drag(page, "size").summary()
        print(drags, flush=True)
        found = soak(page, address, server, worlds(), MINUTE * minutes, _every(minutes))
        return {"machine": _machine(page), "drags": drags, "soak": found}


def soak_files(weights: Path | None, minutes: float) -> dict[str, Any]:
    """The soak of each page that takes files, a tab each in turn."""
    estimated = us_estimate(draws=100)  # as large a page as any
    subjects = {"data": data(us_levels()), "estimate": estimate(estimated), "models": models()}
    with (
        exploring(weights) as (address, server),
        browsing(viewport=size_of(DESKTOP)) as page,
    ):
        machine, found = _machine(page), {}
        for name, subject in subjects.items():
            tab = page.context.new_page()
            share = minutes / len(subjects)
            found[name] = soak(tab, address, server, subject, MINUTE * share, _every(share))
            tab.close()
            first, *_, last = found[name]["readings"]
            print(json.dumps({name: {**found[name], "readings": [first, last]}}), flush=True)
    return {"machine": machine, "soaks": found}


def _every(minutes: float) -> float:
    return min(30.0, MINUTE * minutes / 4)


def _machine(page: Any) -> dict[str, Any]:
    chromium = page.context.browser
    return {
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "chromium": chromium.version if chromium else "",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("soak", "files", "pictures"))
    parser.add_argument("--weights", type=Path, help="a weights or run folder; the shipped ones")
    parser.add_argument("--minutes", type=float, default=10.0, help="of random input")
    parser.add_argument("--folder", type=Path, help="where all pictures go; docs keeps four")
    options = parser.parse_args()
    model = emulator.load_bank([options.weights] if options.weights else [])
    if options.what == "pictures":
        pictures(model, options.folder)
        return
    code = commit()  # before minutes in which files may change
    weights = model.of("nk").provenance["weights_sha256"]
    if options.what == "soak":
        made = soak_worlds(model.worlds, options.weights, options.minutes)
    else:
        made = soak_files(options.weights, options.minutes)
    facts = {"commit": code, "weights_sha256": weights, **made}
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_atomically(
        RESULTS / f"{options.what}.json", (json.dumps(facts, indent=1) + "\n").encode()
    )


if __name__ == "__main__":
    main()

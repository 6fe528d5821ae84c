"""Screenshots of the pages, for docs/figures and to be looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emulator.inference import Bank, Emulator
from studies.explorer.browser import (
    DESKTOP,
    PHONE,
    TALL,
    browsing,
    drop_model,
    serving,
    size_of,
    visit,
    visit_data,
    visit_estimate,
)  # fmt: skip
from studies.explorer.inputs import MODEL, ROOT, us_estimate, us_levels

FIGURES = ROOT / "docs" / "figures"
KEPT = ("explorer_desktop", "explorer_phone", "explorer_data", "explorer_estimate")  # in FIGURES


def pictures(model: Emulator | Bank, folder: Path | None) -> None:
    """Those that docs/ keeps; into another folder, all: several worlds, an indeterminate draw, a
    dark page with a bad link, a dropped model, and more of the pages of files (a query of None)."""
    shots: dict[str, tuple[tuple[int, int], str | None, bool]] = {
        "explorer_desktop": (DESKTOP, "worlds=nk,zlb&shock=demand&size=-2&set=r_ss=0.8", False),
        "explorer_phone": (PHONE, "worlds=nk,rbc&shock=monetary", True),
        "explorer_worlds": ((1920, 1000), "worlds=nk,rbc,zlb,sw07&shock=monetary", False),
        "explorer_indeterminate": (DESKTOP, "worlds=nk,rbc&shock=monetary&set=phi_pi=0.8", False),
        "explorer_dark": (DESKTOP, "worlds=nk,lss&shock=monetary&size=0.1&set=nonsense=1", False),
        "explorer_data": (DESKTOP, None, False),
        "explorer_data_phone": (PHONE, None, True),
        "explorer_data_dark": (DESKTOP, None, False),
        "explorer_model": (DESKTOP, "worlds=nk&shock=monetary", False),
        "explorer_model_phone": (PHONE, "worlds=nk&shock=monetary", True),
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
            options: dict[str, Any] = {"viewport": size_of(size)}
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
                    if name.startswith("explorer_model"):
                        drop_model(page, "gap.mod", MODEL.encode(), "e_m=monetary")
                if not page.locator("section:visible .js-plotly-plot").count():
                    raise RuntimeError(f"{name}: {page.locator('#message').inner_text()}")
                page.screenshot(path=folder / f"{name}.png")
                print(folder / f"{name}.png", flush=True)

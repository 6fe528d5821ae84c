"""Where a result comes from: code version, commit and processor."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from pathlib import Path

from emulator import __version__


@cache
def commit() -> str:
    """The git commit of this package's checkout, with `+` when files differ from it; the package
    version where the package is installed without its repository."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return f"v{__version__}"
    try:
        head = _git(root, "rev-parse", "--short=12", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return f"v{__version__}"
    return head + ("+" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    return result.stdout.strip()


def processor() -> str:
    """Its name, as Linux tells it, or else its kind."""
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()

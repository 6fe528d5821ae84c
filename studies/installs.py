"""Install the package as users do, and use it: `python -m studies.installs [NAME ...]`.

Builds the wheel, says how large it is, and installs it in fresh environments, one after the other:
alone, with each extra alone, and with the oldest and the newest versions that pyproject.toml takes.
Each is used: an extra by a program that needs it, old and new versions by the fast tests too. Names
choose among the installations. Needs `uv` (on PyPI) on the path. Environments lie below --folder
and are removed, each after its turn; downloads stay in uv's cache. With `--torch VERSION` no other
is installed: builds for graphics cards, which an index may have alone, take gigabytes. Options that
are not this program's, such as --find-links, are handed to uv.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
LARGEST = 40e6  # bytes of the wheel
SLOWEST = 0.3  # seconds of `import emulator`

ANSWER = f"""
import time
begin = time.perf_counter()
import emulator
took = time.perf_counter() - begin
assert "site-packages" in emulator.__file__, emulator.__file__
response = emulator.load().irf("nk", dict(phi_pi=2.0), shock="monetary")
assert response.sel(observable="rate")[0] > 0.0
print("import emulator:", round(took, 3), "s")
assert took < {SLOWEST}
"""
EXPLORER = """
import emulator
from emulator.explorer.app import make_app
client = make_app(emulator.load()).server.test_client()
assert client.get("/").status_code == client.get("/_dash-layout").status_code == 200
"""
DATA = """
import sys
from pathlib import Path
from emulator.data import DataConfig
from emulator.data.generate import generate
config = DataConfig(
    samples=60, seed=1, worlds=("nk",), quarters=80, horizon=4, shard_rows=20, chunk_rows=20,
    run_in=40, shares={"train": 0.5, "val": 0.25, "test": 0.25}, rules={},
)
"""
CLUSTER = (
    DATA
    + """
from distributed import Client, LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            done = generate(config, Path("data"), executor=client.get_executor())
    assert done.samples == 60
"""
)
LOGGER = (
    DATA
    + """
from emulator.config import parse_config
from emulator.training.config import RunConfig
from emulator.training.trainer import train
generate(config, Path("data"))  # a second time finds it there
run = {
    "model": {"type": "baseline_mlp", "hidden_dim": 8, "layers": 1},
    "training": {"seed": 1, "epochs": 1, "batch_size": 16, "lr": 1e-3, "logger": sys.argv[1]},
    "data": {"regime": "A", "dataset_path": "data"},
}
folder = Path("run_" + sys.argv[1])
train(parse_config(run, RunConfig, "run"), folder)
assert list(folder.glob(sys.argv[1] + "/**/*")), "nothing was logged"
"""
)
ARVIZ = """
import arviz
import emulator
import numpy as np
from emulator.estimation import posterior
posterior.MOST_MOVES = posterior.MOST_MOVES_AT_LAST = 2  # draws need not be the posterior's
world = emulator.get_world("nk")
shocks = np.random.default_rng(0).standard_normal((1, 60, 3))
history = world.simulate(world.pack(), shocks).observables[0]
tree = emulator.estimate("nk", history, draws=100, runs=2)["nk"].to_datatree()
tree.to_netcdf("found.nc", engine="h5netcdf")
print(arviz.summary(arviz.from_netcdf("found.nc")))
"""

# Programs and commands that use an installation, by the extra that they need.
USES: dict[str, list[list[str]]] = {
    "": [
        ["python", ANSWER],
        ["emulator", "irf", "nk", "--shock", "monetary", "--exact"],
        ["emulator", "doctor"],
    ],
    "arviz": [["python", ARVIZ]],
    "cluster": [["python", CLUSTER]],
    "explorer": [["python", EXPLORER]],
    "onnx": [["emulator", "export", "nk", "--onnx", "nk.onnx"]],
    "tensorboard": [["python", LOGGER, "tensorboard"]],
    "wandb": [["python", LOGGER, "wandb"]],
}
EVERYTHING = ("dev", "cluster", "explorer")
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}


def checked_out(folder: Path) -> Path:
    """The commit that is checked out, without changes to it and without what lies about."""
    packed, sources = folder / "sources.tar", folder / "sources"
    subprocess.run(["git", "-C", ROOT, "archive", "--output", packed, "HEAD"], check=True)
    shutil.unpack_archive(packed, sources)
    return sources


def build(sources: Path, folder: Path) -> Path:
    """The wheel. SystemExit where it is too large."""
    command = ["uv", "build", "--quiet", "--wheel", "--out-dir", str(folder), str(sources)]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    size = wheel.stat().st_size
    print(f"{wheel.name}: {size / 1e6:.1f} MB", flush=True)
    if size > LARGEST:
        raise SystemExit(f"the wheel is larger than {LARGEST / 1e6:.0f} MB")
    return wheel


class Environment:
    """A fresh environment in a folder, and programs that run in it, in an empty folder."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder = folder
        self.here = folder / "here"
        command = ["uv", "venv", "--quiet", "--clear", "--python", python, str(folder)]
        subprocess.run(command, check=True)
        self.here.mkdir()

    def install(self, *arguments: str) -> None:
        command = ["uv", "pip", "install", "--quiet", "--python", str(self.folder), *arguments]
        subprocess.run(command, check=True)

    def run(self, command: Sequence[str], folder: Path | None = None) -> None:
        """Raises CalledProcessError where the command fails. Its output is shown."""
        name, *rest = command
        if name == "python" and "\n" in rest[0]:
            (self.here / "program.py").write_text(rest[0], encoding="utf-8")
            rest = ["program.py", *rest[1:]]
        # Nothing of the checkout is found, and nobody is asked for an account.
        ambient = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
        subprocess.run(
            [str(self.folder / "bin" / name), *rest],
            check=True, cwd=folder or self.here, env={**ambient, "WANDB_MODE": "offline"},
        )  # fmt: skip


def install(
    name: str, wheel: Path, sources: Path, folder: Path, python: str, options: Sequence[str]
) -> None:
    """One installation, used and removed. Raises CalledProcessError where it fails."""
    environment = Environment(folder / name, python)
    try:
        if name in RESOLUTIONS:
            # Of the wheel's dependencies uv would take the newest: they are not asked for by name.
            asked = [part for extra in EVERYTHING for part in ("--extra", extra)]
            chosen = ["--resolution", RESOLUTIONS[name], *asked, *options]
            environment.install("--requirements", str(sources / "pyproject.toml"), *chosen)
            environment.install("--no-deps", str(wheel))
            uses = [use for each in USES.values() for use in each]
        else:
            extra = "" if name == "alone" else name
            environment.install(f"{wheel}[{extra}]" if extra else str(wheel), *options)
            uses = USES[extra]
        for use in uses:
            environment.run(use)
        if name in RESOLUTIONS:
            # Old packages warn of what is new in others, which is no fault.
            tests = ["-m", "pytest", "-q", "-m", "fast", "-W", "default"]
            environment.run(["python", *tests], sources)
    finally:
        shutil.rmtree(environment.folder, ignore_errors=True)


def main() -> None:
    names = ["alone", *(extra for extra in USES if extra), *RESOLUTIONS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=", ".join(names))
    parser.add_argument("--python", default=sys.executable, help="a version, or an interpreter")
    parser.add_argument("--torch", help="a version to install alone, such as 2.13.0+cpu")
    parser.add_argument("--folder", type=Path, help="for environments; a temporary one by default")
    options, further = parser.parse_known_args()  # the rest is uv's, such as --find-links
    if unknown := set(options.names) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if shutil.which("uv") is None:
        raise SystemExit("uv is missing: pip install uv")
    failed = []
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        sources = checked_out(folder)
        wheel = build(sources, folder)
        if options.torch is not None:
            (folder / "torch.txt").write_text(f"torch=={options.torch}\n")
            further = [*further, "--override", str(folder / "torch.txt")]
        for each in options.names or names:
            begin = time.monotonic()
            try:
                install(each, wheel, sources, folder, options.python, further)
            except subprocess.CalledProcessError as error:
                failed.append(each)
                print(f"{each}: exit code {error.returncode} of {error.cmd}", file=sys.stderr)
            print(f"== {each}: {time.monotonic() - begin:.0f} s", flush=True)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()

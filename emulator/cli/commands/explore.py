"""`emulator explore`: the page on which parameters are dragged."""

from __future__ import annotations

import ipaddress
import webbrowser
from pathlib import Path

import typer

from emulator.cli.asking import WEIGHTS_OPTION
from emulator.cli.console import progress_bar
from emulator.cli.responses import split_names
from emulator.errors import InputError

EXTRA = ("dash", "plotly", "flask", "werkzeug")  # what the extra `explorer` installs


EXAMPLE = "emulator explore --weights runs/dev/universal/all"


def explore(
    weights: list[Path] = WEIGHTS_OPTION,
    worlds: str = typer.Option(
        "",
        metavar="NAME,NAME,...",
        help="Worlds to show besides those that the weights know, such as imported ones by their "
        "path; their answers are exact alone.",
    ),
    host: str = typer.Option(
        "127.0.0.1", help="Address to listen on; the default is seen by this machine alone."
    ),
    port: int = typer.Option(8050, min=0, max=65535, help="Port; 0 takes a free one."),
    browser: bool = typer.Option(True, "--browser/--no-browser", help="Open the page."),
) -> None:
    """Drag parameters and see the emulator's answer beside the exact one, on a local page.

    Runs until Ctrl-C. Needs the extra `explorer`.
    """
    with progress_bar("explore"):
        try:
            from emulator.explorer.app import make_local_server
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] not in EXTRA:
                raise
            raise InputError(
                f"explore: {error.name} is not installed; get it with "
                "pip install 'universal-macro-emulator[explorer]'"
            ) from None
        import emulator

        others = split_names("--worlds", worlds) if worlds else ()
        server = make_local_server(emulator.load_bank(weights), host, port, others)
    with server:
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{server.port}/"
        typer.echo(f"{address} (Ctrl-C to stop)")
        if not _loopback(host):
            typer.echo(
                f"emulator: anyone who can reach {host} port {server.port} can use this page",
                err=True,
            )
        if browser:
            webbrowser.open(address)
        server.serve_forever()  # returns on Ctrl-C, which is how one stops it


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

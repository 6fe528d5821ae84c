"""The server: Dash's page, and the addresses that its script asks."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

import torch
from dash import ClientsideFunction, Dash, Input, Output
from flask import Response, jsonify, request
from werkzeug.serving import BaseWSGIServer, ThreadedWSGIServer, WSGIRequestHandler

from emulator.errors import InputError
from emulator.explorer.answers import Answers, as_csv, as_json
from emulator.explorer.files import SENT, add_pages, refusal
from emulator.explorer.models import Shown, add_models
from emulator.explorer.page import layout
from emulator.explorer.state import State
from emulator.inference import Bank, Emulator

# Nothing from elsewhere, whatever a component may ask for. Dash starts from a script in the page,
# and Plotly writes styles and draws images from blobs.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; frame-ancestors 'none'"
)
MOST_CONNECTIONS = 32  # at once; a browser opens six
PATIENCE = 10.0  # seconds until a connection that says nothing is closed
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
{%favicon%}
{%css%}
</head>
<body>
<noscript>This page needs JavaScript.</noscript>
{%app_entry%}
{%config%}
{%scripts%}
{%renderer%}
</body>
</html>
"""


def make_app(model: Emulator | Bank, others: Sequence[str] = ()) -> Dash:
    """The page for a model's worlds and `others`. Raises InputError where it has none to show."""
    shown = Shown(Answers(model, others))
    app = Dash(
        __name__,
        title="emulator explore",
        update_title="",
        index_string=PAGE,
        serve_locally=True,
        assets_ignore=r"^(data|drawing|estimate)\.",  # the other pages'
        add_log_handler=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    shas = dict.fromkeys(model.of(w).provenance["weights_sha256"][:12] for w in model.worlds)
    weights = f"Weights {', '.join(shas)}"
    app.layout = lambda: layout(shown.answers.catalogue, shown.answers.edition, weights)
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("explorer", "start"),
        Output("started", "data"),
        Input("catalogue", "data"),
    )

    def read() -> tuple[Answers, State, list[str]]:
        answers = shown.answers
        return answers, *answers.catalogue.read(request.query_string.decode("ascii", "replace"))

    def told(answers: Answers, found: State, **more: Any) -> Response:
        """With the link, and of which edition it is: a page of an earlier one starts anew."""
        return jsonify(query=answers.catalogue.write(found), edition=answers.edition, **more)

    @app.server.get("/state")
    def state() -> Response:
        """What a query means: the state, its sliders, and what could not be used."""
        answers, found, problems = read()
        controls = [asdict(control) for control in answers.catalogue.controls(found)]
        return told(answers, found, state=asdict(found), controls=controls, problems=problems)

    @app.server.get("/answer")
    def answer() -> Response:
        """What is drawn."""
        answers, found, _ = read()
        drawn = {p.spec.name: as_json(p, found.size) for p in answers.panels(found)}
        return told(answers, found, panels=drawn)

    @app.server.get("/responses.csv")
    def responses() -> Response:
        """What is drawn, as CSV."""
        answers, found, _ = read()
        return Response(as_csv(answers.panels(found), found), mimetype="text/csv")

    add_pages(app.server)
    add_models(app.server, shown)

    @app.server.before_request
    def refuse() -> Response | None:
        """Only these pages' own requests, which name this machine and read, but for files.

        A page from elsewhere that had its name point here would name itself.
        """
        refused = None if request.method in ("GET", "HEAD") else refusal(request)
        if refused is None and not _is_this_machine(request.host):
            refused = "Use the address that was printed.", 421
        if refused is None:
            return None
        reason, status = refused
        return Response(f"{reason}\n", status, mimetype="text/plain")

    @app.server.after_request
    def guard(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        if request.path in ("/state", "/answer", "/responses.csv", *SENT):
            response.headers["Cache-Control"] = "no-store"
        return response

    return app


def _is_this_machine(host: str) -> bool:
    """Whether a request's Host is an address, which is no name that somebody else could point
    here, or a name of this machine."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:  # no address and no name
        return False
    if name in {"localhost", socket.gethostname().lower(), socket.getfqdn().lower()}:
        return True
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


class _Quiet(WSGIRequestHandler):
    """Logs no requests: there are dozens a second while a slider moves; and none that are no HTTP
    or were left open."""

    timeout = PATIENCE

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass

    def log_error(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadedWSGIServer):
    """Answers so many connections at once, each in a thread, and closes others."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            super().finish_request(request, client_address)
        finally:
            # Before the connection closes, so that who sees it closed finds the place free.
            self._free.release()


def make_local_server(
    model: Emulator | Bank, host: str, port: int, others: Sequence[str] = ()
) -> BaseWSGIServer:
    """A server that listens: `serve_forever` answers, `port` is its port; asked for 0, a free one.

    Raises InputError where the address cannot be had.
    """
    # One draw is too little work to share, and the browser needs a core to draw with.
    torch.set_num_threads(1)
    app = make_app(model, others)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # Bound here: werkzeug would print and exit where it cannot.
        listening = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (")[0]
        raise InputError(
            f"{host} port {port}: {reason}; name another --port (0 for a free one) or --host"
        ) from None
    with listening:
        return _Server(host, port, app.server, handler=_Quiet, fd=listening.fileno())

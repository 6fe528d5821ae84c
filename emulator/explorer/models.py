"""Models dropped on the page: a .mod file becomes a world beside the others.

It is read as `emulator import` does, but from what was sent alone: nothing is opened, nothing
written, and the world is gone when the program ends.
"""

from __future__ import annotations

import threading
from pathlib import PurePath

from flask import Flask, Response, jsonify, request

from emulator.errors import EmulatorError, InputError
from emulator.explorer.answers import Answers
from emulator.explorer.files import MODEL, Asked, file_name, refused
from emulator.specs import OBSERVABLE_NAMES
from emulator.worlds.dynare import DynareWorld, Refusal, from_content


class Shown:
    """What the page shows now: `answers`, of which a dropped model makes others."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self._one = threading.Lock()  # a large model takes a core for seconds

    def take(self, data: bytes, file: str, asked: Asked) -> DynareWorld:
        """The world of a model of this content, shown from now on.

        asked: expressions of the observables by their names, and `names`, repeated, as OLD=NEW of
        shocks and parameters. Raises InputError, which names the file, where it cannot be shown.
        """
        if PurePath(file).suffix.lower() not in (".mod", ".dyn"):
            raise InputError(f"{file}: expected a Dynare model, a .mod file")
        observables = {name: asked[name] for name in OBSERVABLE_NAMES if asked.get(name)}
        pairs = [text.partition("=") for text in asked.getlist("names")]
        names = {old.strip(): new.strip() for old, _, new in pairs}
        try:
            if not all(old and new for old, new in names.items()):
                raise InputError("names: expected OLD=NEW")
            with self._one:
                world = from_content(data, file, observables=observables, names=names)
                self.answers = self.answers.beside(world)
        except Refusal:
            raise
        except EmulatorError as error:
            raise InputError(f"{file}: {error}") from None
        return world


def add_models(server: Flask, shown: Shown) -> None:
    """The address to which the page sends a model: it is shown, or what is wrong is said."""

    @server.post(MODEL)
    def model() -> Response:
        try:
            world = shown.take(request.get_data(), file_name(), request.args)
        except EmulatorError as error:
            return refused(str(error))
        return jsonify(world=world.name, shocks=world.shock_names)

"""The `emulator` command: from arguments to a subcommand and an exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from collections.abc import Sequence

import typer
from typer.core import TyperGroup

from emulator import __version__
from emulator.cli.commands import Commands, how_to_go_on
from emulator.errors import EmulatorError

app = typer.Typer(
    name="emulator",
    help="Impulse responses of many macroeconomic models from one neural network.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


def program() -> TyperGroup:
    """The command with its subcommands, for whoever runs or inspects it."""
    group = typer.main.get_group(app)
    group.commands = Commands()  # type: ignore[assignment]  # nobody adds any
    return group


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, as a process of its own, and exit with its code."""
    _open_streams()
    warnings.formatwarning = lambda message, *_: f"emulator: {message}\n"
    # No command shows a window, and Jupyter hands its backend to every command of a cell.
    os.environ["MPLBACKEND"] = "agg"
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def _open_streams() -> None:
    """Give the process three standard streams, which take whatever is printed.

    A closed one (`>&-`) would be the number of the next file that is opened. What a stream's
    encoding lacks, and what a file's name has that is no text, is printed as `\\xe9`.
    """
    for number, mode in enumerate("rww"):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            name = ("stdin", "stdout", "stderr")[number]
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code; errors become one line on stderr."""
    try:
        result = program().main(args=arguments, prog_name="emulator", standalone_mode=False)
        sys.stdout.flush()
        code = result if isinstance(result, int) else 0
        # Typer makes an exit code of Ctrl-C, without a word.
        return _interrupted(arguments) if code == 130 else code
    except typer.exceptions.Exit as stop:
        return stop.exit_code
    except typer.Abort as stop:
        if isinstance(stop.__cause__, EOFError):  # which Typer takes for Ctrl-D
            raise stop.__cause__ from None
        return _interrupted(arguments)
    except KeyboardInterrupt:
        return _interrupted(arguments)
    except SystemError as error:
        # What compiled code (numba's) makes of Ctrl-C, one for every call that it came through.
        cause: BaseException | None = error
        while isinstance(cause, SystemError):
            cause = cause.__cause__
        if isinstance(cause, KeyboardInterrupt):
            return _interrupted(arguments)
        raise
    except MemoryError:
        return _fail("out of memory; ask for less at once, or use a larger machine", 2)
    except typer.TyperException as error:
        format_message = getattr(error, "format_message", None)
        return _fail(format_message() if format_message else str(error), 2)
    except EmulatorError as error:
        return _fail(str(error), 2)
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # what Typer makes of it
            return _reader_gone()
        raise
    except OSError as error:
        return _fail(_describe(error, arguments), 2)


def _reader_gone() -> int:
    """The exit code when whoever read our output (head, less) has enough."""
    # Keep the interpreter from complaining at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _interrupted(arguments: list[str]) -> int:
    again = _how_to_go_on(arguments)
    then = f"{again} to go on" if again else "the same command begins anew"
    return _fail(f"interrupted; {then}", 130)


def _how_to_go_on(arguments: list[str]) -> str:
    return how_to_go_on(arguments[0], arguments) if arguments else ""


def _describe(error: OSError, arguments: list[str]) -> str:
    # Writes name their files (storage.naming); what has none was printed.
    place = error.filename or ("standard output" if error.errno == errno.ENOSPC else "a file")
    if error.errno == errno.ENOSPC:
        again = _how_to_go_on(arguments) or "run the same command again"
        return f"{place}: the disk is full; free some space and {again}"
    return f"{place}: {error.strerror or error}"


def _fail(message: str, code: int) -> int:
    line = " ".join(str(message).split())
    print(f"emulator: {line}", file=sys.stderr)
    return code

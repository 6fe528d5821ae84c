"""The command line: one file per command, one place that turns errors into exit codes.

Exit codes: 0 success, 1 a criterion or a validation falls short, 2 bad input (one line on stderr,
never a traceback), 130 interrupted, 143 stopped by SIGTERM.
"""

from emulator.cli.app import main

__all__ = ["main"]

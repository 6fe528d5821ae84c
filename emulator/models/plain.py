"""torch as this package takes it to be, whatever the program around it has set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch


@contextmanager
def plain_torch() -> Iterator[None]:
    """Within it new tensors are float32 and on the CPU unless they say otherwise.

    A program may have set other defaults, for its own tensors; networks here mix none. Where there
    is nothing to change nothing is done, as a default device slows every operation down.
    """
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    if dtype is not torch.float32:
        torch.set_default_dtype(torch.float32)
    try:
        with nullcontext() if device.type == "cpu" else torch.device("cpu"):
            yield
    finally:
        if dtype is not torch.float32:
            torch.set_default_dtype(dtype)


def _alone() -> None:
    """A forked process inherits torch's pool of threads without the threads, and would wait for
    them for ever; alone it needs none."""
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_alone)

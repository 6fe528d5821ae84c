"""One list of arguments for two functions that take the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


def takes(source: Callable[P, Any]) -> Callable[[Callable[..., T]], Callable[P, T]]:
    """Show a function's readers, `help` and type checkers the arguments of `source`, to which it
    hands all it is given."""

    def adopt(function: Callable[..., T]) -> Callable[P, T]:
        shown = inspect.signature(source).replace(
            return_annotation=inspect.signature(function).return_annotation
        )
        vars(function)["__signature__"] = shown
        return cast(Callable[P, T], function)

    return adopt

"""The documentation site: `make docs` builds it with warnings as errors.

Pages are Markdown (MyST) that also reads well unbuilt; the reference comes from docstrings, which
are plain text. `as_rst` turns those into what Sphinx reads.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from emulator import __version__ as release

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["release"]  # Sphinx reads it

project = "Universal macro emulator"
author = project_copyright = "The universal macro emulator developers"

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sphinx = False

myst_heading_anchors = 3  # links to headings, as code-hosting sites have them
myst_enable_extensions = ["dollarmath"]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
_ARRAYS = ("ArrayLike", "FloatArray", "StatusArray")  # by name: what NumPy makes of them is long
autodoc_type_aliases = {name: name for name in _ARRAYS}
autodoc_preserve_defaults = True

# Names that a signature mentions and no page of this site explains.
_OTHERS = (  # other projects': the build needs no network, so there is nothing to link to
    "abc", "collections", "concurrent", "enum", "np", "numpy", "os", "pandas", "Path", "pathlib",
    "pd", "torch", "typing", "xr", "Any", "ClassVar", "Counter", "Float", "Float64", "Int8",
    "Mapping", "NDArray", "Sequence",
)  # fmt: skip
_OWN = (  # aliases and internals, whose meaning the text beside them says
    *_ARRAYS, "History", "Theta", r"emulator\.worlds\.base\.SolutionT",
    r"emulator\.models\.base\.Model", r"(emulator\.progress\.)?Progress",
    r"emulator\.data\.schema\.Manifest",
)  # fmt: skip
nitpick_ignore_regex = [
    ("py:.*", rf"({'|'.join(_OTHERS)})(\..*)?"),
    ("py:.*", "|".join(_OWN)),
]


def as_rst(lines: list[str]) -> list[str]:
    """A plain docstring as reStructuredText.

    Code between single backticks stays code, indented parts (equations, tables, examples) become
    literal blocks, and whatever reStructuredText would read as markup is escaped.
    """
    out: list[str] = []
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        if paragraph.startswith((" ", "|")):
            out += ["::", "", *textwrap.indent(textwrap.dedent(paragraph), "   ").split("\n"), ""]
            continue
        if "\n " in paragraph and not paragraph.startswith("- "):  # `name: text`, text hanging
            paragraph = re.sub(r"\n +", " ", paragraph).replace("\n", "\n\n")
        parts = re.split(r"(`[^`]+`)", paragraph)
        parts = [f"`{p}`" if p.startswith("`") else re.sub(r"([\\*_|])", r"\\\1", p) for p in parts]
        out += [*"".join(parts).split("\n"), ""]
    return out


def _convert_docstring(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    lines[:] = as_rst(lines)


def _name_aliases(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str, returns: str
) -> tuple[str | None, str | None]:
    """`ArrayLike | None` comes as `TypeAliasForwardRef('ArrayLike') | None`."""
    given = (signature, returns)
    left, right = (s and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", s) for s in given)
    return left, right


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", _convert_docstring)
    app.connect("autodoc-process-signature", _name_aliases)

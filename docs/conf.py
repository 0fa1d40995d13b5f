"""Settings of the documentation's site: the pages of this folder, and a reference made from every room's front door.

`make docs` builds it, with warnings as errors and without a network.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from sphinx.application import Sphinx

project = "XVA platform"
author = "the XVA platform's developers"
project_copyright = "2026, Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = project
html_static_path: list[str] = []
myst_heading_anchors = 3

default_role = "code"  # docstrings name arguments and classes in single backquotes
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_preprocess_types = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"

TOPS = ("xva", "surrogates", "pipelines")
HEAD = """\
Reference
=========

What every room exports, from its front door. What is not here is the room's own business and may change.

.. toctree::
   :maxdepth: 2

"""


def rooms(top: str) -> list[str]:
    """A top-level package and the packages inside it, by name."""
    package = importlib.import_module(top)
    inside = pkgutil.walk_packages(package.__path__, f"{top}.")
    return [top, *sorted(found.name for found in inside if found.ispkg)]


def page(room: str) -> str:
    """A room's page: what its door says, and its public names in order of the alphabet."""
    lines = [room, "=" * len(room), "", f".. automodule:: {room}"]
    if getattr(importlib.import_module(room), "__all__", None):
        lines += ["   :members:", "   :imported-members:", "   :show-inheritance:"]
    return "\n".join([*lines, ""])


def write_reference(app: Sphinx) -> None:
    """One page for each room, and their table; files that have not changed are left alone, so that rebuilds are quick."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    names = [room for top in TOPS for room in rooms(top)]
    pages = {f"{room}.rst": page(room) for room in names}
    pages["index.rst"] = HEAD + "".join(f"   {room}\n" for room in names)
    for old in folder.glob("*.rst"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        file = folder / name
        if not file.exists() or file.read_text() != text:
            file.write_text(text)


def setup(app: Sphinx) -> None:
    """Make the reference's pages before Sphinx looks for pages."""
    app.connect("builder-inited", write_reference)

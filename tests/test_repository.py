"""The repository explains itself: no text cites a paper that is not in it."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path

from tests.support.places import ROOT

ELSEWHERE = re.compile(r"\b(?:DESIGN(?:\.md)?\s+\(?\d|NUMBERS\.md|house\.md|issue \d+\b)")


def test_nothing_is_cited_that_is_not_here() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py", "*.md", "*.toml", "*.sh"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert len(listed) > 400
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in listed
        if Path(name) != Path(__file__).relative_to(ROOT)
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        if ELSEWHERE.search(line)
    ]
    assert not found, "\n".join(found)


def _pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_links_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in _pages()
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert not broken, "\n".join(broken)


def test_paths_in_the_docs_are_there() -> None:
    """A map that names a file which has moved is worse than none."""
    named = {
        (page.name, name)
        for page in _pages()
        for name in re.findall(
            r"`((?:xva|surrogates|pipelines|tests|examples|benchmarks)/[\w/.]+)`", page.read_text()
        )
    }
    assert len(named) > 20
    gone = [f"{page}: {name}" for page, name in sorted(named) if not (ROOT / name).exists()]
    assert not gone, "\n".join(gone)


def test_names_in_the_docs_are_there() -> None:
    """``xva.market.conventions.TABLE`` in a text is a name that Python finds."""
    named = {
        (page.name, name)
        for page in _pages()
        for name in re.findall(r"`((?:xva|surrogates|pipelines)\.[\w.]+)`", page.read_text())
        if not name.endswith((".py", ".zarr", ".csv"))
    }
    assert len(named) > 20
    gone = [f"{page}: {name}" for page, name in sorted(named) if not _found(name)]
    assert not gone, "\n".join(gone)


def _found(name: str) -> bool:
    """Whether it is a module, or something in one."""
    for parts in range(name.count(".") + 1, 0, -1):
        module, rest = ".".join(name.split(".")[:parts]), name.split(".")[parts:]
        file = ROOT / module.replace(".", "/")
        if file.is_dir() or file.with_suffix(".py").exists():
            found: object = importlib.import_module(module)
            for part in rest:
                found = getattr(found, part, None)
            return found is not None
    return False


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= 8192


def test_tests_share_helpers_through_support_only() -> None:
    """A test module that others import is read as a test and changed as one."""
    shared = ("tests.support", "tests.oracles", "tests.contracts", "tests.chaos")
    found = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for module in re.findall(r"^(?:from|import) (tests[\w.]*)", path.read_text(), re.MULTILINE)
        if not module.startswith(shared)
    ]
    assert not found, "\n".join(found)


def test_folders_of_tests_are_folders_of_the_packages() -> None:
    beside = {"support", "oracles", "contracts", "e2e", "__pycache__"}
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    rooms = [folder for folder in folders if folder.parts and folder.parts[0] not in beside]
    assert len(rooms) > 30
    assert not [str(folder) for folder in rooms if not (ROOT / folder).is_dir()]

"""The page: every number is the run's own, nothing is fetched, nobody's name becomes markup."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import pipelines
from pipelines import ExposureJob
from pipelines.reports.html import build_report, write_report
from pipelines.results.run import Run
from tests.support.bank_run import BankRun
from tests.support.small_job import BERMUDAN, CLIQUET, SWAPS, own_products, write_job
from xva.errors import DomainError, StoreError
from xva.scenarios.prepare import StressOptions

SCENARIOS = """
name = "three"
[[scenario]]
name = "up_25"
shifts = [{ families = ["OIS", "IBOR swap"], absolute = "25bp" }]
[[scenario]]
name = "wider"
shifts = [{ families = "CDS", relative = "50%" }]
[[scenario]]
name = "no_market_1"
shifts = [{ families = "swaption vol", absolute = -1 }]
"""
CREDIT = """
name = "credit"
[[scenario]]
name = "wider"
shifts = [{ families = "CDS", relative = "50%" }]
"""
VOID = {"meta", "br", "img", "link", "input", "hr"}


def stressed(run: Run, text: str, folder: Path) -> Run:
    file = folder / "scenarios.toml"
    file.write_text(text)
    return pipelines.stress(run, file, "serial", options=StressOptions(skip_failing=True))


@pytest.fixture(scope="module")
def bank(bank_run: BankRun, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """A run with sensitivities, and its stress run with a scenario that has no market."""
    folder = tmp_path_factory.mktemp("report")
    run = bank_run.copy(folder)
    return run, stressed(run, SCENARIOS, folder)


@pytest.fixture(scope="module")
def exotic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, Run]]:
    """A run with surrogates, one of them of a user's product, and its stress run."""
    folder = tmp_path_factory.mktemp("exotic")
    with own_products(folder / "python"):
        documents = {"bermudan_swaptions": [BERMUDAN], "cliquets": [CLIQUET]}
        run = ExposureJob.from_toml(write_job(folder / "job", documents, {"swaps": SWAPS})).run("serial")
        yield run, stressed(run, CREDIT, folder)


@pytest.fixture(scope="module")
def bank_page(bank: tuple[Run, Run]) -> str:
    return build_report(bank[0], [bank[1]])


@pytest.fixture(scope="module")
def exotic_page(exotic: tuple[Run, Run]) -> str:
    return build_report(exotic[0], [exotic[1]])


@pytest.fixture(params=["bank", "exotic"])
def reported(request: pytest.FixtureRequest) -> tuple[Run, Run, str]:
    run, child = request.getfixturevalue(request.param)
    return run, child, request.getfixturevalue(f"{request.param}_page")


@dataclass
class Page(HTMLParser):
    """What a reader sees, and where each piece of it stands."""

    text: str
    sourced: list[tuple[str, str, str, str]] = field(default_factory=list)  # class, of, at, text
    loose: list[str] = field(default_factory=list)  # text of cells and cards outside these
    heads: list[str] = field(default_factory=list)  # of rows
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    stack: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.attributes += [(tag, name, value) for name, value in known.items()]
        if tag not in VOID:
            self.stack.append((tag, known))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.stack.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if not self.stack:
            return
        _, own = self.stack[-1]
        if "data-of" in own:
            self.sourced.append((own["class"], own["data-of"], own["data-at"], data))
        elif any(tag == "th" and "scope" in a for tag, a in self.stack):
            self.heads.append(data)
        elif any(tag == "td" or a.get("class") == "card" for tag, a in self.stack):
            self.loose.append(data)


def shown(value: float) -> str:
    """Three significant digits, thousands separated, whole from 1,000 up: said anew, not imported."""
    if value == 0.0 or not np.isfinite(value):
        return "0" if value == 0.0 else "n/a"
    power = int(np.floor(np.log10(abs(value))))
    return f"{value:,.{min(max(2 - power, 0), 6)}f}"


def share(value: float) -> str:
    if not np.isfinite(value):
        return "-"
    return f"{100 * value:.{0 if abs(100 * value) >= 9.95 else 1}f} %"


class Stores:
    """Zarr stores as any reader opens them: arrays and attributes by zarr alone."""

    def __init__(self, root: Path) -> None:
        self.root, self.groups = root, {}  # type: ignore[var-annotated]

    def group(self, store: str) -> Any:
        if store not in self.groups:
            self.groups[store] = zarr.open_group(str((self.root / store).resolve()), mode="r")
        return self.groups[store]

    def at(self, store: str, variable: str, labels: dict[str, str]) -> Any:
        array = self.group(store)[variable]
        dims = array.metadata.dimension_names or ()  # none of a single number
        mine = {d: labels[d] for d in dims}  # every dimension of it is named
        index = tuple(list(self.group(store)[d][:]).index(mine[d]) for d in dims)
        return array[index]

    def says(self, kind: str, of: str, at: str) -> str:
        labels = dict(pair.split("=") for pair in at.split(";")) if at else {}
        if "@" in of:
            store, name = of.split("@")
            return f"{self.group(store).attrs[name]:,d}"
        if "#" in of:
            store, dim = of.split("#")
            return f"{self.group(store)[dim].shape[0]:,d}"
        store, names = of.rsplit("/", 1)
        values = [self.at(store, name, labels) for name in names.split("*")]
        if kind == "t":
            return str(values[0])
        product = float(np.prod([float(v) for v in values]))
        return share(product) if kind == "s" else shown(product)


def test_every_number_is_in_the_run_s_zarr_files(reported: tuple[Run, Run, str]) -> None:
    run, child, text = reported
    stores, page = Stores(run.path), Page(text)
    for kind, of, at, told in page.sourced:
        assert told == stores.says(kind, of, at), (of, at)
    sets, scenarios = run.xva.sizes["netting_set"], int((~child.xva["failed"]).sum())
    assert len([k for k, *_ in page.sourced if k == "n"]) >= 12 + 12 * sets + 15 * scenarios
    own = {(of, at) for _, of, at, _ in page.sourced}
    for measure in ("CVA", "DVA", "FCA", "FBA", "FVA"):
        assert ("xva.zarr/total", f"measure={measure}") in own
        for name in run.xva["netting_set"].values:
            assert ("xva.zarr/xva", f"measure={measure};netting_set={name}") in own
            assert ("xva.zarr/xva_se", f"measure={measure};netting_set={name}") in own


def test_no_other_digits_in_cells_and_cards(reported: tuple[Run, Run, str]) -> None:
    run, child, text = reported
    page = Page(text)
    assert [s for s in page.loose if re.search(r"\d", s)] == []
    labels = {"Total", "unstressed"}
    for results in (run.xva, child.xva):
        for dim in ("netting_set", "quote", "surrogate", "scenario"):
            labels |= set(results[dim].values.tolist()) if dim in results.dims else set()
    assert {h for h in page.heads if h.strip()} <= labels


def test_a_wrong_number_would_be_seen(bank: tuple[Run, Run]) -> None:
    """The reader of the store is no mirror of the page: it tells measures apart, and the last shown digit."""
    stores, at = Stores(bank[0].path), "measure=CVA"
    told, value = stores.says("n", "xva.zarr/total", at), float(bank[0].xva["total"].sel(measure="CVA"))
    assert told == f"{value:,.0f}"
    assert told != stores.says("n", "xva.zarr/total", "measure=DVA")
    assert told != shown(value + 1.0)


def test_nothing_is_fetched(reported: tuple[Run, Run, str]) -> None:
    *_, text = reported
    page = Page(text)
    fetching = {"src", "href", "xlink:href", "data", "action", "srcset", "poster"}
    outside = [a for a in page.attributes if a[1] in fetching and not a[2].startswith("#")]
    assert outside == []
    assert page.tags.isdisjoint({"script", "link", "iframe", "object", "embed", "img", "base", "form"})
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))
    assert "@import" not in text
    urls = set(re.findall(r"\w+://[^\s\"'<>]+", text))
    assert urls <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names of namespaces
    assert not [a for a in page.attributes if a[1].startswith("on")]


def test_ids_are_unique_and_links_arrive(reported: tuple[Run, Run, str]) -> None:
    page = Page(reported[2])
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = {v[1:] for _, n, v in page.attributes if n in ("href", "xlink:href")}
    assert links <= set(ids)


def test_the_same_run_gives_the_same_bytes_wherever_it_lies(
    bank: tuple[Run, Run], bank_page: str, tmp_path: Path
) -> None:
    moved = shutil.copytree(bank[0].path.parent, tmp_path / "elsewhere")
    run, child = (pipelines.open_run(moved / r.path.name) for r in bank)
    assert build_report(run, [child]) == bank_page


def test_what_it_has(bank: tuple[Run, Run], bank_page: str, exotic_page: str) -> None:
    for part in (
        "XVA by netting set",
        "Exposure profiles",
        "Sensitivities",
        "Stress",
        "Provenance",
        "Methods",
    ):
        assert re.search(rf"<h2 id=\"\w+\">{part}", bank_page)
    assert bank_page.count("not computed: <span") == 1
    assert "quote SWAPTION/RATE_NVOL/" in bank_page
    assert bank_page.count("<svg") == bank[0].xva.sizes["netting_set"] + 4
    completion = bank[0].completion
    assert completion is not None
    assert completion.root_hash in bank_page
    assert bank[0].manifest.run_id in bank_page
    assert 'id="surrogates"' not in bank_page
    assert 'id="surrogates"' in exotic_page
    assert "EPE, plug-in" in exotic_page
    assert 'id="sensitivities"' not in exotic_page  # the job has none


def test_hostile_names_are_text(exotic: tuple[Run, Run]) -> None:
    evil = '"><script>alert(1)</script>&'
    results = exotic[0].xva.load()
    results = results.assign_coords(netting_set=["A", evil], surrogate=["BERM", evil])
    results = results.assign_coords(counterparty=("netting_set", ["X", evil]))
    results["surrogate_route"] = ("surrogate", ["as trained", evil])
    stated = dict.fromkeys(
        ("variant", "funding", "quadrature", "fixing", "breaks", "own_name", "as_of"), evil
    )
    run = pipelines.open_run(exotic[0].path)
    run.__dict__["xva"] = results.assign_attrs(stated)
    run.manifest.identity.job["inputs"][evil] = evil  # type: ignore[index]
    text = build_report(run)
    page = Page(text)
    assert "<script" not in text
    assert page.heads.count(evil) == 2
    assert ("t", "xva.zarr/counterparty", f"netting_set={evil}", evil) in page.sourced
    assert ("t", "xva.zarr/surrogate_route", f"surrogate={evil}", evil) in page.sourced


def test_an_unfinished_run_is_refused(half: Path) -> None:
    with pytest.raises(StoreError, match=r"not finished.*xva resume"):
        build_report(pipelines.open_run(half))


def test_stress_runs_of_others_are_refused(
    bank: tuple[Run, Run], exotic: tuple[Run, Run], tmp_path: Path
) -> None:
    with pytest.raises(DomainError, match=r"expected a stress run of .*, root hash .*, got one of"):
        build_report(bank[0], [exotic[1]])
    with pytest.raises(DomainError, match=r"expected a stress run of .*, got a job's run"):
        build_report(bank[0], [exotic[0]])
    with pytest.raises(DomainError, match=r"expected a job's run, got a stress run.*--stress"):
        build_report(bank[1])
    half = Path(shutil.copytree(bank[1].path, tmp_path / bank[1].path.name))
    (half / "COMPLETE.json").unlink()
    with pytest.raises(StoreError, match="not finished"):
        build_report(bank[0], [pipelines.open_run(half)])


def test_it_is_written_whole(exotic: tuple[Run, Run], tmp_path: Path) -> None:
    run = pipelines.open_run(shutil.copytree(exotic[0].path, tmp_path / exotic[0].path.name))
    file = write_report(run)
    assert file == run.path / "report.html"
    assert Page(file.read_text()).tags >= {"main", "table", "svg"}
    assert "Stress scenarios" not in file.read_text()
    assert not list(run.path.glob(".report*"))
    with pytest.raises(DomainError, match="expected a file in a folder that exists"):
        write_report(run, tmp_path / "none" / "report.html")
    with pytest.raises(DomainError, match="expected a file"):
        write_report(run, tmp_path)


def test_a_run_without_quantile(exotic: tuple[Run, Run]) -> None:
    run = pipelines.open_run(exotic[0].path)
    run.__dict__["xva"] = exotic[0].xva.drop_vars("pfe")
    assert "PFE" not in build_report(run)

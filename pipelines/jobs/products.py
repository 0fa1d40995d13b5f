"""Trade types a job knows: the platform's, and a user's own from modules that the job names."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.jobs.parties import closest
from pipelines.jobs.problems import Problems
from pipelines.jobs.tables import require_file
from surrogates.durable import strict_json
from xva.errors import Problem, TradeError
from xva.trades import TermsError, Trade
from xva.trades import registry as TRADE_TYPES
from xva.trades.documents import read_terms
from xva.trades.kinds import TradeTypes, products_of


def trade_types(modules: Sequence[str], where: str, problems: Problems, stored: bool = False) -> TradeTypes:
    """The platform's trade types and the path-dependent products defined in ``modules``, by kind.

    The modules are imported here and on every worker: they have to be on the Python path of both. Those that a ``stored``
    job names are not: only what the process has imported for another reason, the user's own, is taken.
    """
    found = dict(TRADE_TYPES)
    for name in modules:
        if stored and name not in sys.modules:
            fix = f"if you trust it: --products {name}, or in Python import {name} first"
            problems.add(
                where, "modules that you name yourself, since opening a run executes none", name, fix
            )
            continue
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            fix = "put its folder on PYTHONPATH, on workers too"
            problems.add(where, f"a module of products, {name}", str(error), fix)
            continue
        except (Exception, SystemExit) as error:  # whatever a user's own module does while it is imported
            got = f"{type(error).__name__}: {error}{_line(error)}"
            problems.add(where, f"a module of products that can be imported, {name}", got, "correct it")
            continue
        mine = products_of(module)
        for product in mine:
            if found.setdefault(product.kind, product) is not product:
                problems.add(where, f"a kind of its own for {product.__name__}", f"{product.kind}, taken")
        if not mine:
            problems.add(where, f"products (classes of PathTrade with a kind) in {name}", "none")
    return found


def _line(error: BaseException) -> str:
    """Where in the user's module it happened."""
    frames = [] if isinstance(error, SyntaxError) else traceback.extract_tb(error.__traceback__)
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def read_documents(
    path: Path, name: str, kind: type[Trade], netting_sets: Collection[str] | None, problems: Problems
) -> list[tuple[Trade | None, str, str]]:
    """Trades of a JSON file, a list of objects with the fields of ``kind``; each with its id and where it stands."""
    try:
        require_file(path)
        content = strict_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problems.add(name, "a readable JSON file", getattr(error, "strerror", None) or str(error))
        return []
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        problems.add(name, "a list of objects, one per trade", type(content).__name__)
        return []
    found = []
    for number, item in enumerate(content, 1):
        trade_id = str(item.get("trade_id", ""))
        where = f"{name}, entry {number}, trade {trade_id or '(no id)'}"
        found.append((_trade(kind, item, trade_id, where, netting_sets, problems), trade_id, where))
    return found


def _trade(
    kind: type[Trade],
    item: Mapping[str, Any],
    trade_id: str,
    where: str,
    netting_sets: Collection[str] | None,
    problems: Problems,
) -> Trade | None:
    before, home = len(problems), item.get("netting_set")
    terms, faults = read_terms(kind, item, where)
    problems.extend(faults)
    if trade_id:
        problems.name(f"{where}, field trade_id", trade_id)
    if isinstance(home, str) and netting_sets is not None and home not in netting_sets:
        expected = "a netting set of the netting set table"
        problems.add(f"{where}, field netting_set", expected, repr(home), closest(home, netting_sets))
    if len(problems) != before:
        return None
    try:
        return kind(**terms)
    except TermsError as error:
        head = where.partition(", trade ")[0]
        problems.extend(Problem(f"{head}, {p.where}", p.expected, p.got, p.fix) for p in error.problems)
    except TradeError as error:
        problems.add(where, "terms that fit together", error.message)
    return None

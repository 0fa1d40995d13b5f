"""Trained trades on disk: the same back, reused where they may be, refused with the reason where not."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from surrogates.certificate import Attempt, Comparison, Evidence, Route, Tolerance, certify
from surrogates.labels.market_box import MarketBox
from surrogates.registry.card import FORMAT
from surrogates.registry.identity import Identity, fingerprint
from surrogates.registry.registry import Refusal, Registry
from surrogates.registry.trained import Trained
from surrogates.regression.pricer import SurrogatePricer
from tests.support.average_case import (
    CONTEXT,
    DAYS,
    AverageForward,
    Cubic,
    easy_certificate,
    model,
    trade,
    train,
)
from xva.errors import DomainError, StoreError
from xva.models.equity_basket import EquityBasket
from xva.pricing.exercise.policy import ExercisePolicy
from xva.pricing.exercise.regression import Regression
from xva.trades.context import TradeContext

SETTINGS = {"paths": 256, "seed": 7, "fitter": {"kind": "test-cubic"}}
BOX = MarketBox(
    ("volatility",), torch.tensor([0.1], dtype=torch.float64), torch.tensor([0.4], dtype=torch.float64)
)


@pytest.fixture(scope="module")
def pricer() -> SurrogatePricer:
    return train(trade(), 256)


def identity(
    of: AverageForward | None = None,
    market: EquityBasket | None = None,
    context: TradeContext = CONTEXT,
    days: np.ndarray = DAYS,
    settings: dict[str, Any] = SETTINGS,
    parameters: dict[str, float] | None = None,
) -> Identity:
    chosen = model() if market is None else market
    return Identity.of(trade() if of is None else of, context, chosen, days, settings, parameters)


def trained(pricer: SurrogatePricer, **what: Any) -> Trained:
    route = Route((Attempt(256, 64, "pass", True, ""),), "surrogate")
    return Trained(identity(), pricer, easy_certificate(), route, **what)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "surrogates", {Cubic.kind: Cubic})


def policy() -> ExercisePolicy:
    return ExercisePolicy(
        DAYS[:2],
        1,
        ("EQ/ACME",),
        np.zeros((2, 1)),
        np.ones((2, 1)),
        np.array([[0], [1], [2]]),
        torch.arange(6.0, dtype=torch.float64).reshape(2, 3),
        np.array([0.1, 0.2]),
        Regression(focus=math.inf),
    )


def reasons(found: Trained | Refusal) -> str:
    assert isinstance(found, Refusal)
    return str(found)


def test_comes_back_bit_for_bit(pricer: SurrogatePricer, registry: Registry) -> None:
    values = torch.linspace(-1.0, 1.0, 9, dtype=torch.float64)
    seen = Evidence(str(DAYS[0]), Comparison(values, values, 0.1 * values.abs()), 1, 9, near_share=0.2)
    stored = trained(pricer, policy=policy(), box=None, evidence=(seen,))
    found = registry.load(registry.save(stored))
    assert found.identity == stored.identity
    assert (found.certificate, found.route) == (stored.certificate, stored.route)
    assert found.pricer.features == pricer.features
    asked = torch.stack([pricer.domains[0].low, pricer.domains[0].high])[..., None]
    asked = asked.permute(2, 1, 0).expand(len(DAYS), -1, -1)
    for mine, theirs in zip(found.pricer.values(DAYS, asked), pricer.values(DAYS, asked), strict=True):
        assert torch.equal(mine, theirs)
    assert found.policy is not None
    np.testing.assert_array_equal(found.policy.dates, DAYS[:2])
    assert found.policy.dates.dtype == DAYS.dtype
    assert found.policy.regression == policy().regression
    assert torch.equal(found.policy.coefficients, policy().coefficients)
    assert torch.equal(found.evidence[0].values.error, seen.values.error)
    assert found.evidence[0].near_share == 0.2


def test_addresses_are_of_contents(pricer: SurrogatePricer, registry: Registry) -> None:
    stored = trained(pricer)
    address = registry.save(stored)
    assert registry.save(trained(train(trade(), 256))) == address
    assert registry.addresses() == (address,)
    other = replace(stored, route=Route((), "surrogate"))
    assert registry.save(other) != address
    assert len(registry.addresses()) == 2
    assert sorted(p.suffix for p in registry.folder.iterdir()) == [".json"] * 2 + [".safetensors"] * 2


def test_card_is_readable(pricer: SurrogatePricer, registry: Registry) -> None:
    address = registry.save(trained(pricer))
    card = json.loads((registry.folder / f"{address}.json").read_text())
    assert card["format"] == FORMAT
    assert card["trade_id"] == "T1"
    assert card["identity"]["trade"]["terms"]["strike"] == 100.0
    assert card["certificate"]["summary"].startswith("certificate: pass")
    assert card["route"]["summary"] == "certified at first try"
    assert set(card["libraries"]) == {"torch", "numpy", "safetensors", "xva-platform", "python"}


def test_reuse(pricer: SurrogatePricer, registry: Registry) -> None:
    registry.save(trained(pricer))
    assert isinstance(registry.find(identity()), Trained)
    renamed = replace(trade(), trade_id="T2", netting_set="NS9", booked_value=1.0)
    assert isinstance(registry.find(identity(renamed)), Trained)
    assert identity(renamed).key == identity().key
    assert isinstance(registry.find(identity(days=DAYS[1:])), Trained)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({"of": trade(strike=101.0)}, "trade terms: strike was 100.0, asked for 101.0"),
        ({"market": model(vol=0.26)}, "model: differs in /vols"),
        ({"market": model(dividend=0.02)}, "model: differs in /dividends"),
        ({"days": np.append(DAYS, np.datetime64("2027-06-01"))}, "1 of 4 were not trained, the first 2027-06-01"),
        ({"settings": {**SETTINGS, "paths": 512}}, "settings: paths was 256, asked for 512"),
        ({"context": TradeContext(np.datetime64("2026-01-16"))}, "trained for 2026-01-15, asked for 2026-01-16"),
        ({"context": replace(CONTEXT, fixings={("EQ/ACME", "2026-01-14"): 1.0})}, "past fixings"),
        ({"parameters": {"volatility": 0.2}}, "market parameters: trained with none, asked with volatility"),
    ],
)  # fmt: skip
def test_refusals(pricer: SurrogatePricer, registry: Registry, what: dict[str, Any], reason: str) -> None:
    registry.save(trained(pricer))
    found = registry.find(identity(**what))
    assert reason in reasons(found)
    assert isinstance(found, Refusal)
    assert len(found.reasons) == 1
    assert identity(**what).key != identity().key or "parameters" in what


def test_unrelated_fixings_do_not_matter(pricer: SurrogatePricer, registry: Registry) -> None:
    registry.save(trained(pricer))
    context = replace(CONTEXT, fixings={("EQ/OTHER", "2026-01-14"): 1.0})
    assert isinstance(registry.find(identity(context=context)), Trained)


def test_every_reason_is_told(pricer: SurrogatePricer, registry: Registry) -> None:
    registry.save(trained(pricer))
    found = registry.find(identity(trade(strike=90.0, quantity=1.0), model(vol=0.3), settings={}))
    assert isinstance(found, Refusal)
    assert len(found.reasons) == 6
    missing = registry.find(identity(replace(trade(strike=90.0), trade_id="X")))
    assert "no surrogate of trade X" in reasons(missing)
    assert "no surrogate of trade T1" in reasons(Registry(registry.folder / "none", {}).find(identity()))


def test_the_market_box(pricer: SurrogatePricer, registry: Registry) -> None:
    inner = replace(trained(pricer), identity=identity(parameters={"volatility": 0.25}), box=BOX)
    registry.save(inner)
    for inside in (0.1, 0.3, 0.4):
        found = registry.find(identity(parameters={"volatility": inside}))
        assert isinstance(found, Trained)
        assert found.box is not None
        assert torch.equal(found.box.high, BOX.high)
    outside = reasons(registry.find(identity(parameters={"volatility": 0.46})))
    assert "volatility = 0.46 lies 0.06 outside [0.1, 0.4], 20 % of its width" in outside
    assert "trained with volatility, asked with none" in reasons(registry.find(identity()))


def test_a_failed_certificate_is_not_reused(pricer: SurrogatePricer, registry: Registry) -> None:
    values = torch.linspace(-2.0, 2.0, 50, dtype=torch.float64)
    seen = [Evidence(str(d), Comparison(1.3 * values, values, 0.0 * values), 0, 50) for d in DAYS]
    failed = certify(seen, Tolerance(), currency="EUR")
    registry.save(replace(trained(pricer), certificate=failed))
    assert "its certificate failed: certificate: fail" in reasons(registry.find(identity()))
    assert isinstance(registry.find(identity(), uncertified=True), Trained)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def test_corrupted_files_are_refused(pricer: SurrogatePricer, registry: Registry) -> None:
    address = registry.save(trained(pricer))
    card, tensors = (registry.folder / f"{address}{end}" for end in (".json", ".safetensors"))
    for damage, reason in (
        (lambda: _flip(tensors), "damaged or another card's"),
        (lambda: tensors.write_bytes(tensors.read_bytes()[:100]), "damaged or another card's"),
        (tensors.unlink, "No such file"),
        (lambda: _flip(card), "edited or damaged"),
        (lambda: card.write_text(card.read_text().replace("256", "512")), "edited or damaged"),
    ):
        damage()
        with pytest.raises(StoreError, match=reason):
            registry.load(address)
        assert reason in reasons(registry.find(identity()))
        registry.save(trained(pricer))  # mends it
        assert isinstance(registry.find(identity()), Trained)
    card.unlink()
    with pytest.raises(StoreError, match="No such file"):
        registry.load(address)


def test_other_formats_and_kinds_are_refused(pricer: SurrogatePricer, registry: Registry) -> None:
    address = registry.save(trained(pricer))
    with pytest.raises(StoreError, match="kind 'test-cubic'"):
        Registry(registry.folder, {}).load(address)
    card = json.loads((registry.folder / f"{address}.json").read_text())
    for change, reason in (
        ({"format": "trade surrogate 0"}, "expected a card of format 'trade surrogate 2', got 'trade surrogate 0'"),
        ({"identity": {}}, "does not fit this version|no surrogate can be made"),
        ({"route": {}}, "does not fit this version"),
    ):  # fmt: skip
        changed = {**card, **change}
        with pytest.raises(StoreError, match=reason):
            registry.load(_plant(registry, changed, address))


def _plant(registry: Registry, card: dict[str, Any], address: str) -> str:
    """A card whose address is right although its contents are not."""
    text = json.dumps(card).encode()
    new = f"{address.rpartition('-')[0]}-{sha256(text).hexdigest()}"
    (registry.folder / f"{new}.json").write_bytes(text)
    data = (registry.folder / f"{address}.safetensors").read_bytes()
    (registry.folder / f"{new}.safetensors").write_bytes(data)
    return new


def test_fingerprints_see_every_number() -> None:
    assert fingerprint(model()) == fingerprint(model())
    changed = replace(model(), names=("ACMF",))
    assert {p for p, d in fingerprint(model()).items() if fingerprint(changed)[p] != d} == {
        "names and numbers"
    }
    attached = replace(model(), spots=model().spots.requires_grad_(True))
    assert fingerprint(attached) == fingerprint(model())


def test_what_cannot_be_stored(pricer: SurrogatePricer) -> None:
    with pytest.raises(StoreError, match="clean JSON"):
        identity(settings={"paths": np.float64("nan")})
    with pytest.raises(DomainError, match="3 dates do not fit an identity of 2"):
        replace(trained(pricer), identity=identity(days=DAYS[:2]))

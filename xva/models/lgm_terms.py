"""LGM as a job states it: calibrated to a co-terminal swaption strip, or its volatilities quoted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, cast, final

import torch

from xva.market import Market
from xva.models.lgm import Lgm
from xva.models.lgm_calibration import calibrate_lgm, lgm_vols
from xva.models.rates_model import RatesModel
from xva.models.rates_terms import Need, RatesTerms, Repriced
from xva.models.swaption_strip import behind_strip, check_tenor, quoted_strip, swaption_need


@final
@dataclass(frozen=True)
class LgmTerms(RatesTerms):
    """Where LGM's volatilities come from; the mean reversion is a quote either way.

    Parameters
    ----------
    calibration : str
        ``coterminal``: from the swaptions whose expiry and length add up to ``coterminal``; ``stated``: they are the quotes
        ``HULL_WHITE/VOLATILITY/<currency>/<pillar>``.
    coterminal : str
        A tenor.
    """

    kind: ClassVar[str] = "lgm"
    title: ClassVar[str] = Lgm.title
    factors: ClassVar[int] = 1
    linear_only: ClassVar[bool] = False

    calibration: Literal["coterminal", "stated"] = "coterminal"
    coterminal: str = "20Y"

    def __post_init__(self) -> None:
        check_tenor(self.coterminal)

    def needs(self, currency: str) -> Sequence[Need]:
        volatilities = (
            Need("short-rate vol", f"HULL_WHITE/VOLATILITY/{currency}/<pillar>")
            if self.calibration == "stated"
            else swaption_need(currency)
        )
        return volatilities, Need("mean reversion", f"MEAN_REVERSION/RATE/{currency}")

    def behind(self, market: Market, currency: str) -> tuple[object, ...]:
        if self.calibration == "stated":
            return market.short_rate_vol(currency), market.mean_reversion(currency)
        return market.mean_reversion(currency), *behind_strip(market, currency)

    def model(self, market: Market, currency: str) -> Lgm:
        if self.calibration == "stated":
            given = market.short_rate_vol(currency)
            return Lgm(currency, market.mean_reversion(currency), given.times, given.vols)
        strip = quoted_strip(market, currency, self.coterminal, self.title)
        return calibrate_lgm(
            currency,
            market.mean_reversion(currency),
            strip.swaps,
            strip.vols,
            strip.discount,
            strip.projection,
            strip.names,
        )

    def repriced(self, market: Market, currency: str, model: RatesModel) -> Repriced | None:
        if self.calibration == "stated":
            return None
        strip = quoted_strip(market, currency, self.coterminal, self.title)
        with torch.no_grad():
            found = lgm_vols(cast(Lgm, model), strip.swaps, strip.discount, strip.projection)
        return Repriced(strip.names, strip.vols.detach().numpy(), found.numpy())

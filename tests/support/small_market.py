"""Small markets and books of one trade, as files of a job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

JOB = """
name = "small"
as_of = 2026-03-02
[inputs]
quotes = "quotes.csv"
netting_sets = "netting_sets.csv"
counterparties = "counterparties.csv"
trades = "trades"
[simulation]
paths = 32
block_size = 4
grid = "6M..2Y"
[xva]
sensitivities = false
"""
SWAP = (
    "trade_id,netting_set,currency,notional,side,fixed_rate,index,start_date,maturity_date\n"
    "S,A,EUR,1e7,payer,0.02,{},2026-03-04,2028-03-06\n"
)
FORWARD = (
    "trade_id,netting_set,buy_currency,buy_amount,sell_currency,sell_amount,settlement_date\n"
    "F,A,EUR,8e6,USD,9.5e6,2028-03-02\n"
)
EUR = {
    **{f"IR_SWAP/RATE/EUR/2D/1D/{t}": r for t, r in (("1Y", 0.0192), ("5Y", 0.0229), ("20Y", 0.0285))},
    **{f"IR_SWAP/RATE/EUR/2D/6M/{t}": r for t, r in (("2Y", 0.0218), ("5Y", 0.0245), ("20Y", 0.0297))},
    "MM/RATE/EUR/2D/6M": 0.0212,
    "SWAPTION/RATE_NVOL/EUR/5Y/10Y/ATM": 0.0071,
    "MEAN_REVERSION/RATE/EUR": 0.02,
    "ZERO/YIELD_SPREAD/EUR/BORROW/A365/5Y": 0.006,
    "ZERO/YIELD_SPREAD/EUR/LEND/A365/5Y": 0.002,
}
CDS = {f"CDS/CREDIT_SPREAD/{n}/SR/EUR/5Y": 0.02 for n in ("BETA", "BANK")} | {
    f"RECOVERY_RATE/RATE/{n}/SR/EUR": 0.4 for n in ("BETA", "BANK")
}
HAZARDS = {f"HAZARD_RATE/RATE/{n}/SR/EUR/5Y": 0.03 for n in ("BETA", "BANK")} | {
    f"RECOVERY_RATE/RATE/{n}/SR/EUR": 0.4 for n in ("BETA", "BANK")
}
ZEROS = {
    **{f"ZERO/RATE/EUR/{c}/A365/1Y": 0.02 for c in ("EUR-ESTR", "EUR-EURIBOR-6M")},
    **{i: v for i, v in EUR.items() if not i.startswith(("IR_SWAP", "MM"))},
}
USD = {
    **{f"IR_SWAP/RATE/USD/2D/1D/{t}": r for t, r in (("1Y", 0.0352), ("20Y", 0.0402))},
    "CC_BASIS_SWAP/BASIS_SPREAD/USD/1D/EUR/1D/5Y": -0.0013,
    "FX/RATE/EUR/USD": 1.17,
    "FX_OPTION/RATE_LNVOL/EUR/USD/5Y/ATM": 0.083,
    "SWAPTION/RATE_NVOL/USD/5Y/10Y/ATM": 0.0082,
    "MEAN_REVERSION/RATE/USD": 0.025,
    "CORRELATION/IR:EUR/FX:USD": -0.15,
}


def written(folder: Path, quotes: Mapping[str, float | str], table: str, rows: str, job: str = JOB) -> Path:
    """A job of one netting set ``A`` with counterparty ``BETA``; its file."""
    (folder / "trades").mkdir(parents=True, exist_ok=True)
    (folder / "trades" / table).write_text(rows)
    lines = "".join(f"{i},{v}\n" for i, v in quotes.items())
    (folder / "quotes.csv").write_text(f"quote_id,value\n{lines}")
    (folder / "netting_sets.csv").write_text("netting_set,counterparty,currency,netted\nA,BETA,EUR,true\n")
    (folder / "counterparties.csv").write_text(
        "counterparty,credit_curve,sector,rating,region\nBETA,BETA,BANK,A,EU\n"
    )
    (folder / "job.toml").write_text(job)
    return folder / "job.toml"

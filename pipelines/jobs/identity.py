"""What makes two jobs the same run: the job without where and how it runs, and the content of its inputs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pipelines.jobs.inputs import LoadedJob
from surrogates.durable import canonical_sha256
from xva.trades import Trade
from xva.trades.documents import plain


def identity_inputs(job: LoadedJob) -> dict[str, Any]:
    """JSON-clean: the job without ``execution`` and file names, and a sha256 per canonical input.

    Inputs are hashed as what they say, not as they are written: a CSV and a Parquet file of the same content, rows in another
    order, or the same files in another folder, are the same.
    """
    contents: dict[str, Any] = {
        "quotes": sorted(zip(job.quotes.ids, job.quotes.values.detach().tolist())),
        "netting_sets": [[s.name, s.counterparty, s.currency, s.netted] for s in job.netting_sets],
        "counterparties": [[c.name, c.credit_curve] for c in job.counterparties],
        "fixings": [[name, day, value] for (name, day), value in sorted(job.fixings.items())],
        "trades": [[trade.kind, _terms(trade)] for trade in job.trades],
    }
    return {
        "job": job.spec.model_dump(mode="json", exclude={"execution": True, "inputs": True}),
        "inputs": {name: canonical_sha256(content) for name, content in contents.items()},
    }


def _terms(trade: Trade) -> dict[str, Any]:
    return {f.name: plain(getattr(trade, f.name)) for f in fields(trade)}

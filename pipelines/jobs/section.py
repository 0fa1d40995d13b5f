"""Sections of files that people write: no unknown keys, nothing changed after reading."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from xva.market.indices import INDEX_NAME

CURRENCY = r"^[A-Z]{3}$"
PAIR = r"^[A-Z]{3}/[A-Z]{3}$"
INDEX = rf"^{INDEX_NAME}$"
Currency = Annotated[str, Field(pattern=CURRENCY)]
Pair = Annotated[str, Field(pattern=PAIR)]
IndexName = Annotated[str, Field(pattern=INDEX)]


class Section(BaseModel):
    """A table of the job file: no unknown keys, not changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

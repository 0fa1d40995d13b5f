"""What whoever decides can have for certain by waiting: exercise on one later date alone, where that has a closed form.

Such European claims bound the value of waiting from below, so no decision may go below them; and they are martingales,
which take most of the noise out of a regression of that value (Rasmussen 2005).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MOST = 8
"""Claims of one trade: more dates share them, the last date's always among them."""


@final
@dataclass(frozen=True, eq=False)
class Waiting:
    """European claims of a trade's holder.

    Parameters
    ----------
    last : ndarray
        ``(claim,)`` number of the exercise date on which each is exercised where it pays, increasing.
    values : Tensor
        ``(claim, exercise date, path)`` deflated values to the holder, >= 0; from its own date on what a claim paid.
    """

    last: NDArray[np.int64]
    values: Tensor

    @classmethod
    def of(cls, gain: Tensor, european: Callable[[int], Tensor | None]) -> Waiting | None:
        """From what exercise brings the holder on each date, ``(exercise date, path)``.

        Parameters
        ----------
        european : callable
            ``(earlier date, path)`` values, on all dates before, of exercising on the date of a number alone; None where
            the model has no closed form, and then there are no claims.
        """
        count, claims = len(gain), []
        if count < 2:
            return None
        last = np.unique(np.linspace(1, count - 1, min(count - 1, MOST)).round().astype(np.int64))
        for number in last.tolist():
            before = european(number)
            if before is None:
                return None
            paid = torch.relu(gain[number]).expand(count - number, -1)
            claims.append(torch.cat([torch.relu(before), paid]))
        return cls(last, torch.stack(claims))

    @property
    def floor(self) -> Tensor:
        """``(exercise date, path)`` value of the best claim on a later date; 0 on the last date."""
        return self._best()[0]

    @property
    def increments(self) -> Tensor:
        """``(exercise date, path)`` what the best claim gains until the next date, of mean 0 given the date; 0 on the last."""
        floor, best = self._best()
        after = torch.cat([self.values[:, 1:], self.values[:, -1:]], 1).gather(0, best[None])[0]
        gained = after - floor
        return torch.cat([gained[:-1], torch.zeros_like(gained[-1:])])

    def _best(self) -> tuple[Tensor, Tensor]:
        ahead = torch.from_numpy(self.last[:, None] > np.arange(self.values.shape[1]))[:, :, None]
        found = torch.where(ahead, self.values, torch.full_like(self.values, -1.0)).max(0)
        return torch.cat([found.values[:-1], torch.zeros_like(found.values[-1:])]), found.indices

"""Paths on which a Brownian bridge starts from what is carried on, so that a label's derivative sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from xva.models import PathModel
from xva.models.path_model import Walk
from xva.trades import Paths
from xva.trades.paths import Day


@dataclass(frozen=True)
class LabelPaths(Paths):
    """`Paths` for derivatives to the state on a date with its history held fixed.

    What is observed on a date is history there. A bridge from the date on is not: crossing a level until the next date
    depends on the state it starts from, so the bridge reads its start from ``walk.carries``.
    """

    model: PathModel | None = None
    walk: Walk | None = None

    def crossed(self, name: str, level: float, early: Day, late: Day, up: bool) -> Tensor:
        if self.model is None or self.walk is None:
            return super().crossed(name, level, early, late, up)
        knot = self.walk.place(self.context.time(np.maximum(early, self.context.as_of)))
        states = [*self.walk.states[:knot], self.walk.carries[knot], *self.walk.states[knot + 1 :]]
        observer = self.model.observe(self.walk.times, states)
        bridge = Paths(self.context, observer, self.report, self.n_paths, self.width)
        return bridge.crossed(name, level, early, late, up)

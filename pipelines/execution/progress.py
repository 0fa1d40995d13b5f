"""One progress bar, fed by events: blocks done, rate, time left; before it one of trades to train."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pipelines.execution.events import (
    BlockDiscarded,
    BlockDone,
    BlockFailed,
    BlocksFinished,
    Event,
    RunFailed,
    RunFinished,
    RunStarted,
    SurrogateNotReused,
    TradeTrained,
    TrainingStarted,
)


class RateColumn(ProgressColumn):
    """Blocks (or trades) per minute."""

    def render(self, task: Task) -> Text:
        """Return the rate, or a dash before the first block."""
        speed = task.finished_speed or task.speed
        rate = "--" if not speed else f"{60.0 * speed:.1f}"
        return Text(f"{rate} {task.fields['unit']}/min", style="progress.data.speed")


class ProgressBar:
    """Sink that draws the bar; a context manager.

    Parameters
    ----------
    console : Console, optional
        Standard error by default. Where it is no terminal, only failures are written, one line each.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            RateColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._training: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        if isinstance(event, TrainingStarted) and event.trades:
            self._training = self._progress.add_task("training", total=event.trades, unit="trades")
        elif isinstance(event, TradeTrained) and self._training is not None:
            self._progress.advance(self._training)
        elif isinstance(event, RunStarted):
            self._task = self._progress.add_task(
                event.name, total=event.n_blocks, completed=event.done, unit="blocks"
            )
        elif isinstance(event, BlockFailed | BlockDiscarded | SurrogateNotReused):
            self._console.print(_sentence(event), style="yellow", markup=False, highlight=False)
        elif self._task is not None:
            self._advance(self._task, event)

    def _advance(self, task: TaskID, event: Event) -> None:
        if isinstance(event, BlockDone):
            self._progress.advance(task)
        elif isinstance(event, BlocksFinished):
            self._progress.update(task, description="adjustments")
        elif isinstance(event, RunFinished):
            self._progress.update(task, description="done")
        elif isinstance(event, RunFailed):
            self._progress.stop_task(task)


def _sentence(event: BlockFailed | BlockDiscarded | SurrogateNotReused) -> str:
    if isinstance(event, SurrogateNotReused):
        return f"trade {event.trade_id} is trained anew: {event.reason}"
    if isinstance(event, BlockDiscarded):
        return f"block {event.block} is computed again: {event.reason}"
    tail = "given up" if event.quarantined else "will be tried again"
    return f"block {event.block}, attempt {event.attempt}: {event.error}; {tail}"

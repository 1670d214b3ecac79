"""What the user sees: results on stdout, progress and errors on stderr. Data is never read as markup.

Knows rich and nothing of any stage; what a report says is its command's business.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from octocli.stages.progress import OnTick, Tick, silent

if TYPE_CHECKING:
    from octocli.core.scoring import PairedRate, Rate

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

# Seconds between two progress lines where stderr is a file or a pipe.
_LINE_EVERY = 10.0


def say(text: str, style: str = "") -> None:
    """Print a line of results; brackets in it are text."""
    out.print(Text(text, style=style), soft_wrap=True)


def say_parts(*parts: tuple[str, str]) -> None:
    """Print a line of (text, style) parts; brackets in them are text."""
    out.print(Text.assemble(*parts), soft_wrap=True)


def warn(text: str) -> None:
    """Print a warning to stderr."""
    err.print(Text(f"warning: {text}", style="yellow"), soft_wrap=True)


def say_json(data: Any) -> None:
    """Print JSON for a script, on one line."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table of plain texts; columns after the first are right-aligned where they look like numbers."""
    drawn = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        numeric = index > 0 and all(row[index][:1].isdigit() or not row[index] for row in rows)
        drawn.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    out.print(drawn)


def percent(rate: "Rate") -> tuple[str, str, str]:
    """A rate as three cells: value, 95 % interval, n."""
    if not rate.n:
        return "-", "-", "0"
    low, high = rate.interval
    return f"{rate.value:.1%}", f"{low:.1%} to {high:.1%}", str(rate.n)


def paired(pair: "PairedRate") -> tuple[str, str, str, str]:
    """A share before and after as four cells: both, the 95 % interval of the difference, n."""
    if not pair.after.n:
        return "-", "-", "-", "0"
    low, high = pair.interval
    return (
        f"{pair.before.value:.1%}",
        f"{pair.after.value:.1%}",
        f"{100 * low:+.1f} to {100 * high:+.1f}",
        str(pair.after.n),
    )


def is_first_process() -> bool:
    """Whether this process speaks for those that `torchrun` or `accelerate launch` started with it."""
    return os.environ.get("RANK", "0") == "0"


def megabytes(size: int) -> str:
    """A file size for people."""
    return f"{size / 1e6:.1f} MB"


def duration(seconds: float) -> str:
    """A time span for people."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@contextmanager
def progress() -> Iterator[OnTick]:
    """Draw ticks while the block runs: bars on a terminal, a line every few seconds elsewhere."""
    if not is_first_process():
        yield silent  # an empty display would wipe the first one's
    elif err.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        )
        with Progress(*columns, console=err, transient=True) as bars:
            yield _Bars(bars)
    else:
        yield _Lines()


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, tick: Tick) -> None:
        if tick.task not in self._tasks:
            for task in self._tasks.values():
                self._bars.update(task, visible=False)
            # What was there before this sitting says nothing of its speed.
            self._tasks[tick.task] = self._bars.add_task(tick.task, total=None, completed=tick.done, note="")
        self._bars.update(
            self._tasks[tick.task], completed=tick.done, total=tick.total or None, note=tick.note, visible=True
        )


class _Lines:
    """Plain lines: the first tick of a task, then one every few seconds with the time left, then the last."""

    def __init__(self) -> None:
        self._task = ""
        self._started = self._printed = 0.0
        self._first = 0

    def __call__(self, tick: Tick) -> None:
        now = time.monotonic()
        if tick.task != self._task:
            self._task, self._started, self._printed, self._first = tick.task, now, 0.0, tick.done
        last = bool(tick.total) and tick.done >= tick.total
        if last or not self._printed or now - self._printed >= _LINE_EVERY or not tick.total:
            self._printed = now
            err.print(Text(self._line(tick, now)), soft_wrap=True)

    def _line(self, tick: Tick, now: float) -> str:
        parts = [tick.task]
        if tick.total:
            parts.append(f"{tick.done}/{tick.total}")
            done = tick.done - self._first
            if done > 0 and tick.done < tick.total:
                left = (now - self._started) / done * (tick.total - tick.done)
                parts.append(f"about {duration(left)} left")
        return "  ".join([*parts, tick.note] if tick.note else parts)


def show_calls(calls: Sequence[Mapping[str, Any]]) -> str:
    """Calls as a person reads them: `set_light(room="kitchen", level=40)`."""
    return "; ".join(_show_call(call) for call in calls) or "none of these functions"


def _show_call(call: Mapping[str, Any]) -> str:
    parts = []
    for name, value in call.get("arguments", {}).items():
        nested = isinstance(value, Mapping) and "name" in value and "arguments" in value
        parts.append(f"{name}={_show_call(value) if nested else json.dumps(value, ensure_ascii=False)}")
    parts += [f"{name}=?" for name in call.get("missing", ())]
    parts += [f"{name}=?{json.dumps(words, ensure_ascii=False)}" for name, words in call.get("unresolved", {}).items()]
    return f"{call['name']}({', '.join(parts)})"

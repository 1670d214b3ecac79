"""How a stage tells how far it is. The CLI draws it; a script may ignore it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Tick:
    """How far a stage is: `done` of `total` (0 where nobody knows), with a short note such as the loss."""

    task: str
    done: int = 0
    total: int = 0
    note: str = ""


OnTick = Callable[[Tick], None]


def silent(tick: Tick) -> None:
    """Ignore progress."""

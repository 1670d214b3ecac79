"""Every request that was sent, written down before it goes out: what a kill, or a reply that was lost, may have cost.

Append-only, one line a try and one a refusal. A reply that arrived stands in the replies, under the same number; what
stands in neither is unknown. So nothing is kept twice, nothing is counted twice, and files of several machines may be
joined line by line.
"""

import secrets
import threading
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Literal

from octocli.core.errors import BadInput
from octocli.core.samples import Appender, read_whole_lines
from octocli.teachers.prices import Price


@dataclass(frozen=True)
class Sent:
    """One try. `number` is its own everywhere; `most` are the tokens that it can take at most, in and out."""

    number: str
    task: str
    most: tuple[int, int]

    @classmethod
    def new(cls, task: str, most: tuple[int, int]) -> "Sent":
        """A try that was not made before."""
        return cls(secrets.token_hex(8), task, most)


class Ledger:
    """The ledger's file, opened to be added to, from several threads.

    Args:
        path: the file.
        model: who is asked.
        price: of the model; None where nobody knows it.
    """

    def __init__(self, path: Path, model: str, price: Price | None) -> None:
        self._file = Appender(path)
        self._model = model
        self._price = price and astuple(price)
        self._lock = threading.Lock()

    def sent(self, sent: Sent) -> None:
        """A request is about to go out."""
        line = {"sent": sent.number, "task": sent.task, "model": self._model, "most": sent.most, "price": self._price}
        self._write(line)

    def refused(self, sent: Sent) -> None:
        """The other side did not serve it."""
        self._write({"refused": sent.number})

    def _write(self, line: Mapping[str, Any]) -> None:
        with self._lock:
            self._file.write(line)

    def close(self) -> None:
        """Close the file."""
        self._file.__exit__()


@dataclass(frozen=True)
class Entry:
    """What became of one try.

    Attributes:
        task: whose work it was.
        model: who was asked.
        outcome: `reply`, `refused`, or `unknown`: lost on the way, or still on it.
        tokens: in and out, as the reply counts them; at most, where it does not or where there is none.
        counted: whether the reply counts them.
        price: on the day; None where nobody knew it.
    """

    task: str
    model: str
    outcome: Literal["reply", "refused", "unknown"]
    tokens: tuple[int, int]
    counted: bool
    price: Price | None


def read_entries(ledger: Path, replies: Path) -> list[Entry]:
    """Every try with its outcome, in the order in which they were sent; files that are not there are empty.

    Raises:
        BadInput: a line is not what octo writes.
    """
    try:
        lines = [line for _, line in read_whole_lines(ledger)]
        answered = {line["sent"]: line["reply"] for _, line in read_whole_lines(replies) if "sent" in line}
        refused = {line["refused"] for line in lines if "refused" in line}
        return [_entry(line, answered.get(line["sent"]), refused) for line in _once(lines)]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{ledger}: a line is not as octo writes it: {error!r}", hint="take it back from a copy, with replies.jsonl"
        ) from None


def _once(lines: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    seen: set[str] = set()
    for line in lines:
        if "sent" in line and line["sent"] not in seen:
            seen.add(line["sent"])
            yield line


def _entry(line: Mapping[str, Any], reply: Mapping[str, Any] | None, refused: set[str]) -> Entry:
    most_in, most_out = line["most"]
    price = None if line["price"] is None else Price(*line["price"])
    task, model = str(line["task"]), str(line["model"])
    if reply is not None:
        counted = reply["tokens_in"] is not None and reply["tokens_out"] is not None
        tokens = (reply["tokens_in"], reply["tokens_out"]) if counted else (most_in, most_out)
        return Entry(task, model, "reply", tokens, counted, price)
    return Entry(
        task,
        model,
        "refused" if line["sent"] in refused else "unknown",
        (most_in, most_out),
        counted=False,
        price=price,
    )

"""Replies that were paid for, kept by what was asked: a killed run asks for none of them twice, a replay for none.

Append-only, one line a reply. Samples are made from these lines, so the same ones give the same samples.
"""

import itertools
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.project import data_hash
from octocli.core.samples import Appender, read_whole_lines
from octocli.teachers.completions import Fatal, Reply, Request
from octocli.teachers.ledger import Sent


def request_hash(model: str, request: Request) -> str:
    """The same for the same question to the same model; how long it may take and whose work it is are no part of it."""
    asked = asdict(request) | {"model": model}
    del asked["timeout"], asked["task"], asked["about"]
    return data_hash(asked)


@dataclass(frozen=True)
class Kept:
    """A line of the file: the hash of what was asked, the task that asked it, the rows that it is about, the reply."""

    asked: str
    task: str
    model: str
    about: tuple[str | None, ...]
    reply: Reply


def read_replies(path: Path) -> list[Kept]:
    """The replies in a file; one that is not there is empty.

    Raises:
        BadInput: a line is not what octo writes.
    """
    return [_kept(line, f"{path}:{number}") for number, line in read_whole_lines(path)]


def _kept(line: Mapping[str, Any], where: str) -> Kept:
    try:
        about = tuple(line.get("about", ()))
        return Kept(line["asked"], line["task"], line["model"], about, Reply(**line["reply"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{where}: not a reply as octo writes it: {error!r}") from None


def first_replies(files: Iterable[Iterable[Kept]]) -> dict[str, Reply]:
    """The first reply to each question: a second one, from another machine, changes no sample."""
    first: dict[str, Reply] = {}
    for kept in itertools.chain.from_iterable(files):
        first.setdefault(kept.asked, kept.reply)
    return first


class Replies:
    """The replies of one model in a file, and those that are added to it, from any thread.

    Args:
        path: the file that is added to.
        model: whose replies.
        also: files that are only read.
    """

    def __init__(self, path: Path, model: str, also: Iterable[Path] = ()) -> None:
        self.path = path
        self.model = model
        self._file = Appender(path)  # mends a torn last line before anything is read
        self._lock = threading.Lock()
        self._kept = first_replies(map(read_replies, (*also, path)))

    def of(self, request: Request) -> Reply | None:
        """The reply to just this request, if there is one."""
        return self._kept.get(request_hash(self.model, request))

    def keep(self, request: Request, reply: Reply, sent: Sent) -> Reply:
        """Write a reply down, under the number of the try that it answers; the reply as it was kept."""
        asked = request_hash(self.model, request)
        # Half an emoji, which a model may write, is no UTF-8.
        reply = replace(reply, text=reply.text.encode("utf-8", "replace").decode())
        line = {"asked": asked, "sent": sent.number, "task": request.task, "model": self.model}
        about = {"about": request.about} if request.about else {}
        with self._lock:
            self._file.write({**line, **about, "reply": asdict(reply)})
            return self._kept.setdefault(asked, reply)

    def in_order(self) -> list[Kept]:
        """The replies of this model that stand in the file now, in the order in which they came."""
        return [kept for kept in read_replies(self.path) if kept.model == self.model]

    def close(self) -> None:
        """Close the file."""
        self._file.__exit__()


class Replay:
    """A completer that gives what was kept, and nothing else: the teacher of a run that is made again."""

    def __init__(self, replies: Replies) -> None:
        self.model = replies.model
        self._replies = replies

    def complete(self, request: Request) -> Reply:
        """The reply that was kept for this request.

        Raises:
            Fatal: there is none.
        """
        reply = self._replies.of(request)
        if reply is None:
            start = json.dumps(request.prompt)[:60]
            raise Fatal(f"{self._replies.path}: no reply to {start}...", hint="ask the teacher that gave the others")
        return reply

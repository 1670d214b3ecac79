"""Replies that were paid for, kept by what was asked: a killed run asks for none of them twice, a replay for none.

Append-only, one line a reply. Samples are made from these lines, so the same ones give the same samples.
"""

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from octocli.core.errors import BadInput
from octocli.core.project import data_hash
from octocli.core.samples import Appender, read_whole_lines
from octocli.teachers.completions import Fatal, Reply, Request
from octocli.teachers.ledger import Sent


def request_hash(model: str, request: Request) -> str:
    """The same for the same question to the same model; how long it may take and whose work it is are no part of it."""
    asked = asdict(request) | {"model": model}
    del asked["timeout"], asked["task"]
    return data_hash(asked)


def read_replies(paths: Iterable[Path]) -> dict[str, Reply]:
    """The replies in some files, by the hash of what was asked; files that are not there are empty.

    Raises:
        BadInput: a line is not what octo writes.
    """
    kept: dict[str, Reply] = {}
    for path in paths:
        for number, line in read_whole_lines(path):
            try:
                # The first one counts, so that a second one, from another machine, changes no sample.
                kept.setdefault(line["asked"], Reply(**line["reply"]))
            except (KeyError, TypeError) as error:
                raise BadInput(f"{path}:{number}: not a reply as octo writes it: {error!r}") from None
    return kept


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
        self._kept = read_replies((*also, path))

    def of(self, request: Request) -> Reply | None:
        """The reply to just this request, if there is one."""
        return self._kept.get(request_hash(self.model, request))

    def keep(self, request: Request, reply: Reply, sent: Sent) -> Reply:
        """Write a reply down, under the number of the try that it answers; the reply as it was kept."""
        asked = request_hash(self.model, request)
        # Half an emoji, which a model may write, is no UTF-8.
        reply = replace(reply, text=reply.text.encode("utf-8", "replace").decode())
        line = {"asked": asked, "sent": sent.number, "task": request.task, "model": self.model, "reply": asdict(reply)}
        with self._lock:
            self._file.write(line)
            return self._kept.setdefault(asked, reply)

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

"""Replies that were paid for, kept by what was asked: a killed run asks for none of them twice, a replay for none.

Append-only, one line a reply, by one writer. Samples are made from these lines, so the same ones give the same samples.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from octocli.core.project import data_hash
from octocli.core.samples import Appender, read_lines
from octocli.teachers.completions import Fatal, Reply, Request


def request_hash(model: str, request: Request) -> str:
    """The same for the same question to the same model; how long it may take is no part of it."""
    asked = asdict(request) | {"model": model}
    del asked["timeout"]
    return data_hash(asked)


@dataclass(frozen=True)
class Kept:
    """A line of the file: the hash of what was asked, the task that asked it, the rows that it is about, the reply."""

    asked: str
    task: str
    model: str
    about: tuple[str | None, ...]
    reply: Reply


class Replies:
    """The replies of one model in a file, and those that are added to it."""

    def __init__(self, path: Path, model: str) -> None:
        self.path = path
        self.model = model
        self._file = Appender(path)  # mends a torn last line before anything is read
        self.in_order = [kept_of(line) for _, line in read_lines(path)]
        self._kept = {line.asked: line.reply for line in self.in_order}

    def of(self, request: Request) -> Reply | None:
        """The reply to just this request, if there is one."""
        return self._kept.get(request_hash(self.model, request))

    def keep(self, request: Request, reply: Reply, task: str, about: Sequence[str | None] = ()) -> None:
        """Write a reply down with its task and, where it is about rows that there are already, their ids."""
        line = Kept(request_hash(self.model, request), task, self.model, tuple(about), reply)
        data = asdict(line)
        if not about:
            del data["about"]
        self._file.write(data)
        self._kept[line.asked] = reply

    def close(self) -> None:
        """Close the file."""
        self._file.__exit__()


def kept_of(line: Mapping[str, Any]) -> Kept:
    """A line of the file as it was read."""
    return Kept(line["asked"], line["task"], line["model"], tuple(line.get("about", ())), Reply(**line["reply"]))


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

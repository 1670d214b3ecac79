"""Replies that were paid for, kept by what was asked: a killed run asks for none of them twice, a replay for none.

Append-only, one line a reply, by one writer. Samples are made from these lines, so the same ones give the same samples.
"""

import json
from dataclasses import asdict
from pathlib import Path

from octocli.core.project import data_hash
from octocli.core.samples import Appender, read_lines
from octocli.teachers.completions import Fatal, Reply, Request


def request_hash(model: str, request: Request) -> str:
    """The same for the same question to the same model; how long it may take is no part of it."""
    asked = asdict(request) | {"model": model}
    del asked["timeout"]
    return data_hash(asked)


class Replies:
    """The replies of one model in a file, and those that are added to it."""

    def __init__(self, path: Path, model: str) -> None:
        self.path = path
        self.model = model
        self._file = Appender(path)  # mends a torn last line before anything is read
        self._kept = {line["asked"]: Reply(**line["reply"]) for _, line in read_lines(path)}

    def of(self, request: Request) -> Reply | None:
        """The reply to just this request, if there is one."""
        return self._kept.get(request_hash(self.model, request))

    def keep(self, request: Request, reply: Reply, task: str) -> None:
        """Write a reply down; `task` is for people who look into the file."""
        asked = request_hash(self.model, request)
        self._file.write({"asked": asked, "task": task, "model": self.model, "reply": asdict(reply)})
        self._kept[asked] = reply

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

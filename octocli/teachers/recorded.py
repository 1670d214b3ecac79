"""Replies that were kept: written while somebody is asked, and given again in his place.

A line of the file is one reply with the hash of what was asked. Where the same was asked several times, the replies
come back in the order in which they were kept, and the last of them from then on.
"""

import json
import threading
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from octocli.core.project import data_hash
from octocli.core.samples import Appender, read_lines
from octocli.teachers.completions import Completer, Fatal, Reply, Request


def request_hash(model: str, request: Request) -> str:
    """The same for the same question to the same model; how long it may take is no part of it."""
    asked = asdict(request) | {"model": model}
    del asked["timeout"]
    return data_hash(asked)


class Recorded:
    """Gives the replies of a file."""

    def __init__(self, path: Path, model: str) -> None:
        self.model = model
        self._path = path
        self._replies: defaultdict[str, list[Reply]] = defaultdict(list)
        for _, line in read_lines(path):
            self._replies[line["asked"]].append(Reply(**line["reply"]))
        self._lock = threading.Lock()

    def complete(self, request: Request) -> Reply:
        """The next reply that was kept for this request.

        Raises:
            Fatal: there is none.
        """
        with self._lock:
            kept = self._replies.get(request_hash(self.model, request))
            if not kept:
                raise Fatal(f"{self._path}: no reply for: {json.dumps(request.prompt)[:80]}", hint="record it anew")
            return kept.pop(0) if len(kept) > 1 else kept[0]


class Recording:
    """Asks another and keeps every reply before giving it away."""

    def __init__(self, completer: Completer, path: Path) -> None:
        self.model = completer.model
        self._completer = completer
        self._file = Appender(path)
        self._lock = threading.Lock()

    def complete(self, request: Request) -> Reply:
        """One try of the other."""
        reply = self._completer.complete(request)
        with self._lock:
            self._file.write({"asked": request_hash(self.model, request), "reply": asdict(reply)})
        return reply

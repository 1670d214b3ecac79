"""Several apps on one shared model: an adapter and a context for each, and a router that picks who answers.

An app's context has read under its own adapter only, so no state of one app is ever used by another. Changing the app
is taking another context; nothing is loaded or set.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from octocli.core.errors import BadInput, NotMade
from octocli.core.manifest import parse_manifest
from octocli.runtime.caller import Answer, Caller
from octocli.runtime.decoding import FOREGROUND_ODDS

APPS_FILE = "apps.json"
# Above this a probability is not to be believed: some hundred validation rows cannot tell 0.999 from 0.99999.
_BELIEVED = 0.99
# How sure both apps must be before a request is taken apart.
_SURE = 0.8
_JOINT = re.compile(r"(?:,|;|\.)?\s+(?:and|then|also|plus|und|dann|außerdem)(?:\s+(?:also|then|dann|auch))?\s+", re.I)
_FEWEST_WORDS = 2


@dataclass(frozen=True)
class Routed:
    """Who answers a request, and what.

    Attributes:
        answers: each app that answers with its answer, in the order of the request; nobody if nothing serves it.
        shares: of every app, the calibrated probability of the function that it would call.
    """

    answers: tuple[tuple[str, Answer], ...]
    shares: Mapping[str, float]

    @property
    def calls(self) -> tuple[Mapping[str, Any], ...]:
        """All calls, each with its app."""
        return tuple({"app": app, **call} for app, answer in self.answers for call in answer.calls)


class Apps:
    """The apps of one device. Use it as a context manager, or close it."""

    def __init__(self, callers: Mapping[str, Caller]) -> None:
        self.callers = dict(callers)

    def ask(self, query: str, *, now: datetime | None = None, foreground: str | None = None) -> Routed:
        """Let the app answer whose request it is; two of them where the request is for both.

        Args:
            query: what the user typed.
            now: the clock that words such as "in ten minutes" are relative to.
            foreground: the app that the user looks at, if one is known.

        Raises:
            BadInput: no app of that name, or an empty query.
        """
        if foreground is not None and foreground not in self.callers:
            raise BadInput(f"no app {foreground!r} here", hint=f"there are: {', '.join(self.callers)}")
        shares = self._shares(query, foreground)
        parts = self._for_two(query, foreground)
        if parts is None:
            app = self._pick(shares, foreground)
            parts = [] if app is None else [(app, query)]
        answers = tuple((app, self.callers[app].ask(part, now=now)) for app, part in parts)
        return Routed(tuple(pair for pair in answers if pair[1].calls), shares)

    def _shares(self, query: str, foreground: str | None) -> dict[str, float]:
        """Of each app, the probability of its likeliest function; 0 where it would refuse.

        The app in the foreground is as willing as it is alone, the others share what may be called for nothing.
        """
        found = {}
        for app, caller in self.callers.items():
            choices = caller.choices(query)
            asked = 1 if app == foreground else len(self.callers)
            refuses = choices.pop("") > caller.refuse_above_among(asked)
            found[app] = 0.0 if refuses or not choices else max(choices.values())
        return found

    def _pick(self, shares: Mapping[str, float], foreground: str | None) -> str | None:
        """The likeliest app by its odds, those of the one in the foreground raised; None where all refuse."""

        def odds(app: str) -> float:
            share = min(shares[app], _BELIEVED)
            return share / (1 - share) * (FOREGROUND_ODDS if app == foreground else 1.0)

        willing = [app for app, share in shares.items() if share > 0]
        return max(willing, key=lambda app: (odds(app), shares[app]), default=None)

    def _for_two(self, query: str, foreground: str | None) -> Sequence[tuple[str, str]] | None:
        """The request in two parts for two apps, where both are sure of theirs."""
        best: tuple[float, Sequence[tuple[str, str]]] | None = None
        for joint in _JOINT.finditer(query):
            parts = query[: joint.start()].strip(), query[joint.end() :].strip()
            if min(len(part.split()) for part in parts) < _FEWEST_WORDS:
                continue
            shares = [self._shares(part, foreground) for part in parts]
            first, second = (self._pick(share, foreground) for share in shares)
            if first is None or second is None or first == second:
                continue
            sure = min(shares[0][first], shares[1][second])
            if sure >= _SURE and (best is None or sure > best[0]):
                best = sure, [(first, parts[0]), (second, parts[1])]
        return best[1] if best else None

    def close(self) -> None:
        """Free all contexts, then the shared weights."""
        for caller in reversed(self.callers.values()):
            caller.close()

    def __enter__(self) -> "Apps":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_apps(folder: Path, *, threads: int | None = None, max_false_calls: float | None = None) -> Apps:
    """The apps that `octo export --adapter` put into a folder.

    Args:
        folder: with `apps.json`, the shared base and an adapter for each app.
        threads: of llama.cpp.
        max_false_calls: how willing the apps are to call; by default each its own.

    Raises:
        NotMade: there is no such folder, or a file of it is missing.
        BadInput: a file is damaged or of another base.
    """
    from octocli.model.gguf_header import read_metadata
    from octocli.runtime.llama_engine import LlamaEngine
    from octocli.runtime.llama_model import LlamaModel

    record = _read_record(folder)
    base = folder / record["base"]
    if not base.exists():
        raise NotMade(f"{base}: no such file", hint="make it with: octo export --adapter")
    model = LlamaModel(base)
    callers: dict[str, Caller] = {}
    try:
        for app, name in record["apps"].items():
            adapter = folder / name
            if not adapter.exists():
                raise NotMade(f"{adapter}: no such file", hint="make it with: octo export --adapter")
            manifest = parse_manifest(json.loads(read_metadata(adapter).get("octo.manifest", "null")), str(adapter))
            # The first to be opened is the last to be closed, and takes the weights along.
            engine = LlamaEngine(model, manifest, adapter=adapter, threads=threads, shares=bool(callers))
            callers[app] = Caller(engine, max_false_calls=max_false_calls)
    except BaseException:
        Apps(callers).close()
        if not callers:
            model.close()
        raise
    return Apps(callers)


def _read_record(folder: Path) -> Mapping[str, Any]:
    file = folder / APPS_FILE
    if not file.exists():
        raise NotMade(f"{folder}: no apps here (no {APPS_FILE})", hint="make it with: octo export --adapter")
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(record["base"], str) and isinstance(record["apps"], dict) and record["apps"]:
            return dict(record)
    except (ValueError, KeyError, TypeError):
        pass
    raise BadInput(f"{file}: damaged", hint="make it again with: octo export --adapter")

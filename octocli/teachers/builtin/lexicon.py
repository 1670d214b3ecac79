"""The phrase book on disk: reads the word files of a language once and hands them out as plain data.

Leaves every decision about which words fit to `phrasing.py`, `roles.py` and `surfaces.py`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

WORDS = Path(__file__).parent / "words"

Form = Literal["command", "question", "noun", "statement"]
_FORMS: Mapping[str, Form] = {"?": "question", "=": "noun", "~": "statement"}


@dataclass(frozen=True)
class Construct:
    """A sentence that people use for one kind of function; `roles` are the parameters it needs.

    A function's words must have one of each of `heads`, and none of `never`; none of its parameters has a role of
    `unsaid`, which the sentence would leave out: "remind me to {task}" where a parameter says who is reminded.
    """

    heads: tuple[tuple[str, ...], ...]
    never: frozenset[str]
    unsaid: frozenset[str]
    form: Form
    text: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Weighted:
    """A frame and how often it is drawn."""

    text: str
    weight: float


@dataclass(frozen=True)
class Stub:
    """One thing that some other app does, and ways to ask for it."""

    domain: str
    name: str
    says: tuple[str, ...]


class Lexicon:
    """The words of one language."""

    def __init__(self, folder: Path) -> None:
        self.code = folder.name
        self.patterns = {name: re.compile(text) for name, text in _json(folder / "patterns.json").items()}
        self.tables: Mapping[str, list[str]] = _json(folder / "nearness.json")
        self.verbs: Mapping[str, Any] = _json(folder / "verbs.json")
        self.nouns: Mapping[str, Any] = _json(folder / "nouns.json")
        parts = _json(folder / "roles.json")
        self.roles: list[Mapping[str, Any]] = parts["roles"]
        # How parameters that would be said alike are told apart by their names, by role; "*" is any other.
        self.by_name: Mapping[str, list[str]] = parts["by_name"]
        self.states: Mapping[str, Any] = _json(folder / "states.json")
        self.enums: Mapping[str, list[str]] = _json(folder / "enums.json")
        self.noise: Mapping[str, Any] = _json(folder / "noise.json")
        self.frames = _frames(folder / "frames.txt")
        self.leads = _leads(folder / "leads.txt")
        self.constructs = _constructs(folder / "constructs.txt", self.patterns["statement"])
        self.pools = _pools(folder / "pools.txt")
        self.topics = _pools(folder / "topics.txt")
        self.chat = _lines(folder / "chitchat.txt")
        self.near = _lines(folder / "nearmiss.txt")
        self.stubs = _stubs(folder / "otherapps.txt")
        # What the text of a message or a note may be, too: anything that people say to an assistant.
        self.pools["talk"] = [line.lstrip("?!") for line in self.chat]
        self.pools["errand"] = [say for stub in self.stubs for say in stub.says if not say.startswith("?")]
        self.common = frozenset(" ".join(_lines(folder / "common.txt")).split())
        self.foreign = _lines(folder / "foreign.txt")


@lru_cache(maxsize=4)
def lexicon(language: str) -> Lexicon:
    """The words of a language, read once."""
    return Lexicon(WORDS / language)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _lines(path: Path) -> list[str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _pools(path: Path) -> dict[str, list[str]]:
    pools: dict[str, list[str]] = {}
    for line in _lines(path):
        name, _, values = line.partition(":")
        pool = pools.setdefault(name.strip(), [])
        pool += [v.strip() for v in values.split(" | ") if v.strip() and v.strip() not in pool]
    return pools


def _frames(path: Path) -> dict[str, list[Weighted]]:
    frames: dict[str, list[Weighted]] = {}
    section: list[Weighted] = []
    for line in _lines(path):
        if line.startswith("["):
            section = frames.setdefault(line.strip("[]"), [])
            continue
        text, _, weight = line.partition(" | ")
        section.append(Weighted(text.strip(), float(weight or 1)))
    return frames


def _constructs(path: Path, statement: re.Pattern[str]) -> list[Construct]:
    found: list[Construct] = []
    heads: tuple[tuple[str, ...], ...] = ()
    never: frozenset[str] = frozenset()
    unsaid: frozenset[str] = frozenset()
    for line in _lines(path):
        if line.startswith("["):
            words = line.strip("[]").split()
            heads = tuple(tuple(w.split("/")) for w in words if w[0] not in "!-")
            unsaid = frozenset(w[1:] for w in words if w.startswith("-"))
            never = frozenset(n for w in words if w.startswith("!") for n in w[1:].split("/"))
            continue
        form, text = form_of(line)
        if form == "command" and statement.match(text):
            form = "statement"
        roles = tuple(role.partition("|")[0] for role in re.findall(r"\{([^{}]+)\}", text))
        found.append(Construct(heads, never, unsaid, form, text, roles))
    return found


def form_of(line: str) -> tuple[Form, str]:
    """The form of a line, by its first sign, and the line without it."""
    form = _FORMS.get(line[0])
    return ("command", line) if form is None else (form, line[1:])


def _leads(path: Path) -> list[tuple[re.Pattern[str], list[str]]]:
    pairs = (line.partition(" :: ") for line in _lines(path))
    return [(re.compile(pattern), [w.strip(" -") for w in words.split("|")]) for pattern, _, words in pairs]


def _stubs(path: Path) -> list[Stub]:
    stubs = []
    for line in _lines(path):
        head, _, says = line.partition("::")
        domain, _, name = head.partition("/")
        stubs.append(Stub(domain.strip(), name.strip(), tuple(s.strip() for s in says.split(" | ") if s.strip())))
    return stubs

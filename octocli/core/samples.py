"""Samples and the JSONL files that hold them: read with line numbers, append without loss, write by rename.

A sample is a query with the calls that answer it. Whether the calls obey the spec is `validation.py`'s question.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from octocli.core.errors import BadInput, NotMade

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
_FIELDS = ("id", "query", "calls", "kind", "split", "teacher", "now", "said", "skeleton")


@dataclass(frozen=True)
class Sample:
    """A query and its calls, in the form of every JSONL file that octo reads or writes.

    Attributes:
        query: what the user typed.
        calls: `{"name", "arguments", "missing"?}`; none means that no function serves.
        kind: `positive`, `chit-chat`, `near-miss`, ...; read from the calls where a file does not say.
        split: `train`, `validation` or `test`, once verified.
        teacher: who wrote it.
        now: ISO 8601 clock that `said` is relative to.
        said: the user's words for an argument, by JSON pointer into `calls`.
        skeleton: the query's pattern without its values, where the teacher knows it.
        extra: every other field of the line, kept as it was.
    """

    query: str
    calls: tuple[Mapping[str, Any], ...] = ()
    kind: str = ""
    split: Split | None = None
    teacher: str = ""
    now: str | None = None
    said: Mapping[str, str] = field(default_factory=dict)
    skeleton: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """A name made of what the sample says; equal samples share it."""
        content = json.dumps([self.query, list(self.calls)], ensure_ascii=False, sort_keys=True)
        return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    @property
    def is_positive(self) -> bool:
        """Whether some function serves the query."""
        return bool(self.calls)

    def to_json(self) -> dict[str, Any]:
        """The sample as one JSONL line writes it, empty fields left out."""
        data: dict[str, Any] = {"id": self.id, "query": self.query, "calls": list(self.calls)}
        for name in _FIELDS[3:]:
            if getattr(self, name):
                data[name] = getattr(self, name)
        return {**data, **self.extra}

    def with_split(self, split: Split) -> "Sample":
        """The same sample on one side of the split."""
        return replace(self, split=split)


def parse_sample(data: Any, where: str) -> Sample:
    """Make a sample of one JSON value; `where` opens the error message, e.g. `mine.jsonl:3`."""
    if not isinstance(data, dict):
        raise BadInput(f"{where}: not an object", hint='a line is {"query": "...", "calls": [...]}')
    query, calls = data.get("query"), data.get("calls", ())
    if not isinstance(query, str) or not query.strip():
        raise BadInput(f"{where}: 'query' is missing or no text", hint='a line is {"query": "...", "calls": [...]}')
    if not _are_calls(calls):
        raise BadInput(f"{where}: 'calls' is no list of calls", hint='a call is {"name": "...", "arguments": {...}}')
    split = data.get("split")
    if split is not None and split not in SPLITS:
        raise BadInput(f"{where}: split {split!r} is unknown", hint=f"use one of {', '.join(SPLITS)}")
    for name in ("now", "skeleton"):
        if not isinstance(data.get(name), (str, type(None))):
            raise BadInput(f"{where}: {name!r} is no text")
    said = data.get("said") or {}
    if not isinstance(said, dict) or not all(isinstance(words, str) for words in said.values()):
        raise BadInput(f"{where}: 'said' does not map JSON pointers to words")
    return Sample(
        query=query,
        calls=tuple({**call, "arguments": call.get("arguments", {})} for call in calls),
        kind=str(data.get("kind") or ("positive" if calls else "negative")),
        split=split,
        teacher=str(data.get("teacher") or ""),
        now=data.get("now"),
        said=said,
        skeleton=data.get("skeleton"),
        extra={k: v for k, v in data.items() if k not in _FIELDS},
    )


def _are_calls(calls: Any) -> bool:
    return isinstance(calls, (list, tuple)) and all(
        isinstance(c, dict)
        and isinstance(c.get("name"), str)
        and isinstance(c.get("arguments", {}), dict)
        and isinstance(c.get("unresolved", {}), dict)
        and _are_names(c.get("missing", []))
        for c in calls
    )


def _are_names(data: Any) -> bool:
    return isinstance(data, (list, tuple)) and all(isinstance(name, str) for name in data)


def read_lines(path: Path, *, growing: bool = False) -> Iterator[tuple[int, Any]]:
    """Yield (line number, JSON value) of a JSONL file; blank lines are passed over.

    Of a file that is `growing`, a last line that is not whole yet is passed over too.

    Raises:
        NotMade: there is no such file.
        BadInput: a line is not JSON; the message has its number.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                torn = growing and not line.endswith(b"\n") and not _is_whole(line)
                if line.strip() and not torn:
                    where = f"{path}:{number}"
                    yield number, parse_json(_decoded(line, where), where, hint="one JSON object a line")
    except FileNotFoundError:
        raise NotMade(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: is a folder, not a file") from None


def _decoded(line: bytes, where: str) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{where}: byte {error.start} is not UTF-8", hint="save the file as UTF-8") from None


def read_whole_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """The same of a file that may be growing, or not be there yet."""
    return read_lines(path, growing=True) if path.exists() else iter(())


def parse_json(text: str, where: str, *, hint: str = "") -> Any:
    """A JSON value that can be written again as UTF-8; `where` opens the error message."""
    try:
        data = json.loads(text)
        if "\\ud" in text.lower():
            json.dumps(data, ensure_ascii=False).encode("utf-8")
        return data
    except UnicodeEncodeError:
        raise BadInput(f"{where}: half a character (a lone \\ud... escape) is no UTF-8") from None
    except (ValueError, RecursionError) as error:  # ValueError: an integer of thousands of digits
        detail = (
            f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else "too deep or long"
        )
        raise BadInput(f"{where}: not JSON: {detail}", hint=hint) from None


def read_samples(path: Path, *, growing: bool = False) -> list[Sample]:
    """Every sample of a file; an empty file is refused, since nothing can be made of it.

    Of a file that is `growing`, a last line that is not whole yet is passed over.
    """
    samples = [parse_sample(data, f"{path}:{number}") for number, data in read_lines(path, growing=growing)]
    if not samples:
        raise BadInput(f"{path}: no samples in it", hint='write one {"query": "...", "calls": [...]} a line')
    return samples


def dump_line(data: Mapping[str, Any]) -> str:
    """One JSONL line, with its newline."""
    return json.dumps(data, ensure_ascii=False) + "\n"


def write_samples(path: Path, samples: Iterable[Sample]) -> int:
    """Write a whole file by rename; returns how many samples it holds."""
    lines = [dump_line(s.to_json()) for s in samples]
    write_atomically(path, "".join(lines))
    return len(lines)


def write_atomically(path: Path, text: str) -> None:
    """Write `text` under a temporary name and rename: a reader sees the old file or the new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


class Appender:
    """An append-only JSONL file whose torn last line, left by a kill, is cut off on opening.

    Each line is handed to the operating system at once, so a kill of the process loses none that was written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        repair_tail(path)
        self._file = path.open("a", encoding="utf-8")

    def write(self, data: Mapping[str, Any]) -> None:
        """Append one line."""
        self._file.write(dump_line(data))
        self._file.flush()

    def __enter__(self) -> "Appender":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _is_whole(line: bytes) -> bool:
    try:
        data = json.loads(line)
        return isinstance(data, dict) and bool(data)
    except (ValueError, RecursionError):
        return False


def repair_tail(path: Path) -> int:
    """Cut a last line that was torn; one that is whole and only lacks its newline gets it. Returns the bytes cut."""
    if not path.exists():
        return 0
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if content[whole:].strip() and _is_whole(content[whole:]):
        with path.open("ab") as file:
            file.write(b"\n")
        return 0
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)
    return len(content) - whole

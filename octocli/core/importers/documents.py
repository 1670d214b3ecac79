"""A file's bytes -> one JSON value: JSON and YAML, read so that no file can hang or crash the reader.

YAML is read as version 1.2's core schema has it: dates are text, only true and false are booleans, keys are text.
What the value means is `recognise.py`'s question.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from octocli.core.errors import BadInput
from octocli.core.importers.notes import WHOLE_DOCUMENT, Ledger, shown

# Deeper than any description that a person wrote, and shallow enough for every walk over it to be recursive.
MAX_DEPTH = 100
# Aliases may make a small YAML file mean a huge one; beyond this many values it is an attack or a mistake.
MAX_VALUES = 5_000_000

_YAML_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is there
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OTHER_INTEGER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_A_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONSTANTS = {"": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True,
              "false": False, "False": False, "FALSE": False}  # fmt: skip


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        BadInput: there is no such file, or it is a folder.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: is a folder, not a file") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def looks_like_xml(content: bytes) -> bool:
    """Whether the content begins as XML does, in UTF-8 or UTF-16."""
    start = content[:64].replace(b"\x00", b"").removeprefix(b"\xef\xbb\xbf").lstrip(b"\xff\xfe \t\r\n")
    return start.startswith(b"<")


def parse_document(content: bytes, path: Path, ledger: Ledger) -> Any:
    """The JSON value that a JSON or YAML file holds.

    Raises:
        BadInput: it is neither, with the line where it breaks.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start} is not UTF-8", hint="save the file as UTF-8") from None
    as_yaml = path.suffix.lower() in (".yaml", ".yml")
    if as_yaml or not (path.suffix.lower() == ".json" or text.lstrip().startswith(("{", "["))):
        return _parse_yaml(text, path, ledger)
    return _parse_json(text, path, ledger)


def _parse_json(text: str, path: Path, ledger: Ledger) -> Any:
    cleaner = _Cleaner(ledger)
    try:
        data = json.loads(text, object_pairs_hook=cleaner.object, parse_constant=cleaner.constant)
        return cleaner.clean(data, path)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{error.lineno}: not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{path}: not JSON that octo can read: nested too deep, or a number too long") from None


class _Cleaner:
    """Makes what Python's reader lets through plain JSON that can be written again, and names each change."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object; a key that is given twice counts once."""
        made = dict(pairs)
        if len(made) < len(pairs):
            keys = [key for key, _ in pairs]
            for key in dict.fromkeys(k for k in keys if keys.count(k) > 1) if len(keys) < 1000 else ("of many keys",):
                self.twice(key)
        return made

    def twice(self, key: str) -> None:
        """Name a key that one object has twice."""
        self._ledger.note("document", WHOLE_DOCUMENT, f"key {shown(key)} stands twice in one object", "the last counts")

    def tagged(self, tag: str, text: str) -> None:
        """Name a YAML tag that only its writer's tool understands, such as `!include`."""
        self._ledger.note("document", WHOLE_DOCUMENT, f"the tag {shown(tag)} of {shown(text)}", "read as plain text")

    def constant(self, name: str) -> None:
        """NaN and the infinities are no JSON."""
        self._ledger.note("document", WHOLE_DOCUMENT, f"{name} is no JSON number", "read as null")

    def scalar(self, value: Any) -> Any:
        """A text that UTF-8 can hold, a number that JSON can hold; anything else as it is."""
        if isinstance(value, str) and _SURROGATE.search(value):
            self._ledger.note("document", WHOLE_DOCUMENT, f"half a character in {shown(value)}", "replaced by '\ufffd'")
            return _SURROGATE.sub("\ufffd", value)
        if isinstance(value, float) and not math.isfinite(value):
            return self.constant(str(value))
        return value

    def clean(self, value: Any, path: Path, depth: int = 0) -> Any:
        """A tree of values with every scalar cleaned."""
        if depth > MAX_DEPTH:
            raise BadInput(f"{path}: nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            return {self.scalar(key): self.clean(inner, path, depth + 1) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.clean(inner, path, depth + 1) for inner in value]
        return self.scalar(value)


def _parse_yaml(text: str, path: Path, ledger: Ledger) -> Any:
    try:
        return _YamlBuilder(path, _Cleaner(ledger)).build(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
        raise BadInput(f"{path}{line}: not YAML: {problem}") from None


@dataclass
class _Open:
    """A list or mapping whose end has not come yet."""

    made: dict[str, Any] | list[Any]
    anchor: str | None
    key: str | None = None
    key_is_merge: bool = False
    merged: set[str] = field(default_factory=set)


class _YamlBuilder:
    """Values from PyYAML's events. Its own constructors recurse in C and multiply merge keys; this one does neither."""

    def __init__(self, path: Path, cleaner: _Cleaner) -> None:
        self._path = path
        self._cleaner = cleaner
        self._open: list[_Open] = []
        self._anchors: dict[str, Any] = {}
        self._sizes: dict[int, int] = {}
        self._root: Any = None
        self._documents = 0

    def build(self, text: str) -> Any:
        """The value of the first document."""
        for event in self._events(text):
            match event:
                case yaml.DocumentStartEvent():
                    self._documents += 1
                case yaml.ScalarEvent():
                    self._take(self._scalar(event), event)
                case yaml.AliasEvent():
                    self._take(self._alias(event), event)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._begin({} if isinstance(event, yaml.MappingStartEvent) else [], event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._end(event)
            if self._documents > 1:
                raise BadInput(f"{self._path}:{event.start_mark.line + 1}: a second document", hint="one in each file")
        return self._root

    @staticmethod
    def _events(text: str) -> Iterator[Any]:
        return iter(yaml.parse(text, Loader=_YAML_PARSER))

    def _begin(self, made: dict[str, Any] | list[Any], event: Any) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise self._fault(event, f"nested deeper than {MAX_DEPTH} levels")
        self._open.append(_Open(made, event.anchor))

    def _end(self, event: Any) -> None:
        closed = self._open.pop()
        parts = closed.made.values() if isinstance(closed.made, dict) else closed.made
        size = 1 + sum(self._sizes.get(id(part), 1) for part in parts)
        if size > MAX_VALUES:
            raise self._fault(event, f"its aliases stand for more than {MAX_VALUES} values")
        self._sizes[id(closed.made)] = size
        self._take(closed.made, event, anchor=closed.anchor)

    def _take(self, value: Any, event: Any, anchor: str | None = None) -> None:
        """Put a finished value where it belongs."""
        anchor = anchor or (event.anchor if isinstance(event, yaml.ScalarEvent) else None)
        if anchor:
            self._anchors[anchor] = value
        if not self._open:
            self._root = value
            return
        holder = self._open[-1]
        if isinstance(holder.made, list):
            holder.made.append(value)
        elif holder.key is None:
            holder.key_is_merge = value == "<<" and isinstance(event, yaml.ScalarEvent) and event.implicit[0]
            holder.key = self._key(value, event)
        else:
            self._put(holder, value)

    def _put(self, holder: _Open, value: Any) -> None:
        assert isinstance(holder.made, dict) and holder.key is not None
        sources = value if isinstance(value, list) else [value]
        if holder.key_is_merge and all(isinstance(source, dict) for source in sources):
            for source in sources:
                self._merge(holder, source)
        else:
            if holder.key in holder.made and holder.key not in holder.merged:
                self._cleaner.twice(holder.key)
            holder.made[holder.key] = value
            holder.merged.discard(holder.key)  # a mapping's own key rightly wins over one that a merge brought
        holder.key = None

    @staticmethod
    def _merge(holder: _Open, source: dict[str, Any]) -> None:
        assert isinstance(holder.made, dict)
        new = {key: value for key, value in source.items() if key not in holder.made}
        holder.made.update(new)
        holder.merged.update(new)

    def _key(self, value: Any, event: Any) -> str:
        if isinstance(value, (dict, list)):
            raise self._fault(event, "a key that is a list or a mapping")
        if isinstance(event, yaml.ScalarEvent):
            return str(self._cleaner.scalar(event.value))
        return str(value)

    def _alias(self, event: Any) -> Any:
        if any(holder.anchor == event.anchor for holder in self._open):
            raise self._fault(event, f"*{event.anchor} stands within what it names")
        if event.anchor not in self._anchors:
            raise self._fault(event, f"*{event.anchor} names nothing above it")
        return self._anchors[event.anchor]

    def _scalar(self, event: Any) -> Any:
        text = event.value
        if event.tag and not event.tag.startswith("tag:yaml.org,2002:"):
            self._cleaner.tagged(event.tag, text)
        if not event.implicit[0]:  # quoted, a block, or tagged
            return self._cleaner.scalar(text)
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text) or _OTHER_INTEGER.fullmatch(text):
            return self._integer(text, event)
        if _FLOAT.fullmatch(text):
            return self._cleaner.scalar(float(text))
        if _NOT_A_NUMBER.fullmatch(text):
            return self._cleaner.constant(text)
        return self._cleaner.scalar(text)

    def _integer(self, text: str, event: Any) -> int:
        try:
            return int(text, 10 if _INTEGER.fullmatch(text) else 0)
        except ValueError:
            raise self._fault(event, "a number too long") from None

    def _fault(self, event: Any, what: str) -> BadInput:
        return BadInput(f"{self._path}:{event.start_mark.line + 1}: not YAML that octo can read: {what}")

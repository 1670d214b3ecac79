"""The type of a value that obeys a rule, before any language writes it: text, choice, list, record, union.

Only as narrow as every language can say it. What a type cannot hold, the stub's checks hold.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from octocli.core.schemas import json_type
from octocli.core.stubs.literals import has_surrogates
from octocli.core.stubs.names import Scope
from octocli.core.stubs.rules import Rule

Path = tuple[str, ...]
_SMALL = (-(2**31), 2**31 - 1)


@dataclass(frozen=True)
class Anything:
    """A value of no one type."""


@dataclass(frozen=True)
class Null:
    """Null and nothing else."""


@dataclass(frozen=True)
class Scalar:
    """A text, number or boolean; `small` marks integers that surely have no more than 32 bits."""

    kind: Literal["string", "integer", "number", "boolean"]
    small: bool = False


@dataclass(frozen=True)
class Choice:
    """One of a few texts, integers or booleans, each kept as JSON so that 1 and true stay apart."""

    texts: tuple[str, ...]

    @property
    def values(self) -> tuple[Any, ...]:
        """The values themselves."""
        return tuple(map(json.loads, self.texts))

    @property
    def words(self) -> tuple[str, ...]:
        """Each value in words that a name can be made of, no two alike."""
        return tuple(f"minus {-v}" if isinstance(v, int) and v < 0 else str(v) for v in self.values)

    @property
    def fits_64_bits(self) -> bool:
        """Whether its integers are no larger than an app's own type for them."""
        return all(-(2**63) <= v < 2**63 for v in self.values if isinstance(v, int))

    @property
    def kinds(self) -> set[str]:
        """Their JSON types."""
        return {json_type(value) for value in self.values}


@dataclass(frozen=True)
class Many:
    """A list."""

    item: "Shape"


@dataclass(frozen=True)
class Table:
    """An object of which no property is known."""


@dataclass(frozen=True)
class Field:
    """A property of a record."""

    name: str
    shape: "Shape"
    required: bool


@dataclass(frozen=True)
class Record:
    """An object with known properties, required ones first."""

    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Nullable:
    """A value or null."""

    inner: "Shape"


@dataclass(frozen=True)
class Union:
    """A value of one of several shapes."""

    options: tuple["Shape", ...]


Shape = Anything | Null | Scalar | Choice | Many | Table | Record | Nullable | Union
Named = Choice | Record


def shape_of(rule: Rule) -> Shape:
    """The narrowest shape that every value under the rule has."""
    if rule.get("enum"):
        chosen = _choice(rule)
        if chosen is not None:
            return chosen
    if "type" in rule:
        return _joined([_of_type(kind, rule) for kind in rule["type"]])
    for keyword in ("anyOf", "oneOf"):
        if keyword in rule:
            return _joined([shape_of(branch) for branch in rule[keyword]])
    told = {shape_of(part) for part in rule.get("allOf", ())} - {Anything()}
    return told.pop() if len(told) == 1 else Anything()


def _choice(rule: Rule) -> Shape | None:
    values = [value for value in rule["enum"] if _may_be_chosen(value)]
    if len(values) < len(rule["enum"]):
        return None
    texts = tuple(dict.fromkeys(json.dumps(_plain(value)) for value in values if value is not None))
    if set(texts) == {"true", "false"} or not texts:
        return None
    chosen = Choice(texts)
    return Nullable(chosen) if None in values else chosen


def _may_be_chosen(value: object) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return value is None or isinstance(value, (bool, int)) or (isinstance(value, str) and not has_surrogates(value))


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) else value


def _of_type(kind: str, rule: Rule) -> Shape:
    if kind == "array":
        return Many(shape_of(rule.get("items", {})))
    if kind == "object":
        return _record(rule)
    if kind == "integer":
        return Scalar(
            "integer", _SMALL[0] <= rule.get("minimum", -math.inf) and rule.get("maximum", math.inf) <= _SMALL[1]
        )
    if kind == "null":
        return Null()
    return Scalar(kind)  # type: ignore[arg-type]


def _record(rule: Rule) -> Shape:
    if not rule.get("properties"):
        return Table()
    required = set(rule.get("required", ()))
    fields = [Field(name, shape_of(inner), name in required) for name, inner in rule["properties"].items()]
    return Record(tuple(sorted(fields, key=lambda field: not field.required)))


def _joined(shapes: Iterable[Shape]) -> Shape:
    """One shape for values of any of these."""
    flat = list(dict.fromkeys(part for shape in shapes for part in _parts(shape)))
    rest = [shape for shape in flat if shape != Null()]
    if Anything() in rest or not flat:
        return Anything()
    if not rest:
        return Null()
    if {Scalar("integer"), Scalar("integer", True)} & set(rest) and Scalar("number") in rest:
        rest = [shape for shape in rest if not (isinstance(shape, Scalar) and shape.kind == "integer")]
    joined = rest[0] if len(rest) == 1 else Union(tuple(rest))
    return Nullable(joined) if Null() in flat else joined


def _parts(shape: Shape) -> Iterator[Shape]:
    if isinstance(shape, Union):
        yield from shape.options
    elif isinstance(shape, Nullable):
        yield from _parts(shape.inner)
        yield Null()
    else:
        yield shape


def named_shapes(shape: Shape, path: Path) -> Iterator[tuple[Named, Path]]:
    """Yield the shapes that may have a name of their own, each with its path; inner ones come first."""
    if isinstance(shape, Nullable):
        yield from named_shapes(shape.inner, path)
    elif isinstance(shape, Many):
        yield from named_shapes(shape.item, item_path(path))
    elif isinstance(shape, Union):
        for index, option in enumerate(shape.options):
            yield from named_shapes(option, option_path(path, index))
    elif isinstance(shape, Record):
        for field in shape.fields:
            yield from named_shapes(field.shape, (*path, field.name))
        yield shape, path
    elif isinstance(shape, Choice):
        yield shape, path


def item_path(path: Path) -> Path:
    """The path of a list's items."""
    return (*path, "item")


def option_path(path: Path, index: int) -> Path:
    """The path of one option of a union."""
    return (*path, f"option {index + 1}")


def type_names(
    places: Iterable[tuple[Named, Path]], name: Callable[[str], str], scope: Scope
) -> dict[tuple[Named, Path], str]:
    """The type of each place: after its parameter alone where that means one shape in the whole API.

    Equal shapes that come by the same name share one type.

    Args:
        places: shapes with their paths.
        name: a type's name from words.
        scope: what is taken already.
    """
    every = list(dict.fromkeys(places))
    short = {place: name("_".join(place[1][1:])) for place in every}
    meant: dict[str, set[Named]] = {}
    for place in every:
        meant.setdefault(short[place], set()).add(place[0])
    wanted = {p: short[p] if len(meant[short[p]]) == 1 else name("_".join(p[1])) for p in every}
    shared: dict[tuple[Named, str], str] = {}
    for (shape, _), words in wanted.items():
        if (shape, words) not in shared:
            shared[shape, words] = scope.take(words)
    return {place: shared[place[0], words] for place, words in wanted.items()}

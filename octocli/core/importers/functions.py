"""Operations that an importer found -> functions that `spec.py` accepts: chosen, named, described, checked one by one.

What an operation's parameters are is the importers' work.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.importers.names import free_name, function_name, parameter_name, sentence_of
from octocli.core.importers.notes import WHOLE_DOCUMENT, Ledger, shown
from octocli.core.importers.schema_conversion import FLAGS
from octocli.core.schemas import is_valid
from octocli.core.spec import Function, parse_spec

# A function's description stands in a table and in a teacher's prompt; manuals do not belong there.
MAX_DESCRIPTION = 500
_MOST_RESULT_FIELDS = 8
_SCALARS = {"string", "integer", "number", "boolean"}


@dataclass(frozen=True)
class Signature:
    """What an operation takes and gives, in schemas that stand alone."""

    parameters: Mapping[str, Any]
    returns: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Operation:
    """One operation of a document, not read any further than to know whether it is wanted.

    Attributes:
        place: where it stands, in the document's own words.
        name: its name there, or one made of its place.
        description: what the document says it does; may be empty.
        read: reads its parameters and its result.
        labels: what `--include` and `--exclude` may match beside the name: its path, its tags.
        skipped: why it cannot or should not be taken over; empty where it can.
        confirm: whether the document says that it destroys something.
    """

    place: str
    name: str
    description: str
    read: Callable[[], Signature]
    labels: tuple[str, ...] = ()
    skipped: str = ""
    confirm: bool = False


@dataclass
class ParameterList:
    """The parameters of one function as they come together from several sources.

    Args:
        place: the operation, for notes.
        ledger: told of each change.
    """

    place: str
    ledger: Ledger
    _schemas: dict[str, Any] = field(default_factory=dict)
    _required: list[str] = field(default_factory=list)

    def add(self, name: str, schema: Mapping[str, Any], *, required: bool, origin: str = "") -> None:
        """Add one parameter; a name that is taken gets its origin behind it."""
        fitted = free_name(parameter_name(name), self._schemas, suffix=origin)
        place = f"{self.place}: {name}"
        if fitted != name:
            why = "a second parameter of that name" if parameter_name(name) == name else "no parameter name"
            self.ledger.note("parameter", place, why, f"renamed {fitted!r}")
        if schema.get("deprecated") and not required:
            self.ledger.note("parameter", place, "deprecated")
            return
        self._schemas[fitted] = self._sound({k: v for k, v in schema.items() if k not in FLAGS}, place)
        if required:
            self._required.append(fitted)

    def add_fields(self, schema: Mapping[str, Any], *, required: bool = True, origin: str = "") -> None:
        """Add every field of an object schema; none is required where the object itself is not."""
        needed = schema.get("required", ()) if required else ()
        fields = schema.get("properties", {})
        for name, inner in fields.items():
            self.add(name, inner, required=name in needed, origin=origin)
        for name in needed:
            if name not in fields:
                self.ledger.note("parameter", f"{self.place}: {name}", "required, but without a schema", "any value")
                self.add(name, {}, required=True, origin=origin)

    @property
    def names(self) -> Set[str]:
        """The names that the parameters have now."""
        return self._schemas.keys()

    def schema(self, rules: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The object schema of all parameters, with rules about them as a whole."""
        made: dict[str, Any] = {"type": "object", "properties": self._schemas}
        if self._required:
            made["required"] = self._required
        return {**made, **(rules or {})}

    def _sound(self, schema: dict[str, Any], place: str) -> dict[str, Any]:
        """The schema with a default and examples that it admits itself."""
        bare = {k: v for k, v in schema.items() if k not in ("default", "examples")}
        if "default" in schema and not is_valid(schema["default"], bare):
            self.ledger.note("schema", place, f"default {shown(schema.pop('default'))} breaks its own schema")
        if "examples" in schema:
            sound = [example for example in schema["examples"] if is_valid(example, bare)]
            if len(sound) < len(schema["examples"]):
                self.ledger.tally("an example that breaks its own schema")
            schema = {**{k: v for k, v in schema.items() if k != "examples"}, **({"examples": sound} if sound else {})}
        return schema


def small_result(schema: Mapping[str, Any], ledger: Ledger) -> dict[str, Any] | None:
    """A result's schema where it is one value or a small flat object, so that a call of it may fill a parameter."""
    fields = schema.get("properties", {})
    if schema.get("type") == "object" and 0 < len(fields) <= _MOST_RESULT_FIELDS:
        if all(isinstance(inner, Mapping) and _is_scalar(inner) for inner in fields.values()):
            return dict(schema)
    elif _is_scalar(schema):
        return dict(schema)
    if schema:
        ledger.tally("a result that is neither one value nor a small flat object")
    return None


def _is_scalar(schema: Mapping[str, Any]) -> bool:
    named = schema.get("type")
    types = set(named if isinstance(named, list) else [named]) - {"null"}
    return bool(types) and types <= _SCALARS


def make_functions(
    operations: Iterable[Operation], ledger: Ledger, *, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> tuple[list[tuple[dict[str, Any], Function]], int]:
    """Functions of the wanted operations, each as JSON and as the spec reads it; and how many operations there were.

    One that cannot be made fit is named in `ledger` and does not touch the others.
    """
    made: list[tuple[dict[str, Any], Function]] = []
    taken: set[str] = set()
    found = unwanted = 0
    for operation in operations:
        found += 1
        labels = (operation.name, function_name(operation.name), operation.place, *operation.labels)
        if not is_wanted(labels, include, exclude):
            unwanted += 1
        elif operation.skipped:
            ledger.note("operation", operation.place, operation.skipped)
        elif (function := _function(operation, ledger, taken)) is not None:
            taken.add(function[1].name)
            made.append(function)
    note_unwanted(unwanted, ledger)
    return made, found


def is_wanted(labels: Iterable[str], include: Sequence[str], exclude: Sequence[str]) -> bool:
    """Whether one of an operation's labels matches a pattern of `include`, and none matches one of `exclude`."""
    lowered = [label.lower() for label in labels]

    def matches(patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(label, pattern.lower()) for pattern in patterns for label in lowered)

    return (not include or matches(include)) and not matches(exclude)


def note_unwanted(number: int, ledger: Ledger) -> None:
    """Say how many operations were not chosen."""
    if number:
        what = f"{number} operation{'s' * (number > 1)} that --include and --exclude do not choose"
        ledger.note("document", WHOLE_DOCUMENT, what)


def _function(operation: Operation, ledger: Ledger, taken: set[str]) -> tuple[dict[str, Any], Function] | None:
    try:
        signature = operation.read()
        name = free_name(function_name(operation.name), taken)
        data: dict[str, Any] = {
            "name": name,
            "description": _description(operation, name, ledger),
            "parameters": dict(signature.parameters),
        }
        if signature.returns is not None:
            data["returns"] = dict(signature.returns)
        if operation.confirm:
            data["confirm"] = True
        function = _checked(data, ledger)
    except (BadInput, RecursionError) as error:
        why = str(error) if isinstance(error, BadInput) else "nested too deep"
        ledger.note("operation", operation.place, f"octo cannot take it ({shown(why)})")
        return None
    if name != operation.name:
        why = "no function name" if function_name(operation.name) == name else "not its name alone"
        ledger.note("name", operation.place, f"{shown(operation.name)} is {why}", f"named {name!r}")
    return data, function


def _checked(data: dict[str, Any], ledger: Ledger) -> Function:
    """The function as the spec reads it; a faulty result is dropped before the function is."""
    try:
        return parse_spec({"app": "app", "functions": [data]}).functions[0]
    except BadInput:
        if data.pop("returns", None) is None:
            raise
        ledger.tally("a result that is no schema")
        return parse_spec({"app": "app", "functions": [data]}).functions[0]


def _description(operation: Operation, name: str, ledger: Ledger) -> str:
    text = operation.description.strip()
    if not text:
        ledger.note("description", operation.place, "no description", f"{sentence_of(name)!r}, made of its name")
        return sentence_of(name)
    if len(text) > MAX_DESCRIPTION:
        ledger.tally("a description that is very long", "cut to its beginning")
        return _beginning(text)
    return text


def _beginning(text: str) -> str:
    """The first paragraphs or sentences of a long text, as many as fit."""
    head = text[: MAX_DESCRIPTION + 1]
    for pattern in (r"\n\s*\n", r"[.!?](?=\s)", r"\s(?=\S*$)"):
        ends = [match.end() for match in re.finditer(pattern, head) if match.end() > MAX_DESCRIPTION // 5]
        if ends:
            return head[: ends[-1]].strip()
    return text[:MAX_DESCRIPTION]

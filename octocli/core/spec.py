"""The API spec: functions, their parameters, and what a caller may say about them.

Reads octo's own JSON and names every fault with file, place and mend. Other formats are the importers' job,
the values of a call are `validation.py`'s.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.kinds import SYNONYMS, Kind, kind_of
from octocli.core.schemas import dangling_references, schema_faults, types_of, unexpressed_keywords, value_faults

# From here on a starter base needs more data and more training than the defaults give.
MANY_FUNCTIONS = 100
APP_PATTERN = r"[a-z][a-z0-9-]{0,23}"
_FUNCTION_NAME = re.compile(r"[A-Za-z_][\w.\-/]{0,63}")
_PARAMETER_NAME = re.compile(r"[\w.\-$\[\]@]{1,64}")
_FUNCTION_KEYS = {"name", "description", "parameters", "returns", "examples", "aliases", "confirm"}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function: its name, JSON Schema, and whether a call must give it."""

    name: str
    schema: Mapping[str, Any]
    required: bool

    @cached_property
    def kind(self) -> Kind:
        """What it holds, in words."""
        return kind_of(self.name, self.schema)

    @property
    def description(self) -> str:
        """The schema's own description, or nothing."""
        return str(self.schema.get("description", ""))


@dataclass(frozen=True)
class Example:
    """A query that a person would say; `calls` is None when only the function is known."""

    query: str
    calls: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True)
class Function:
    """One function of the app's API."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    returns: Mapping[str, Any] | None = None
    examples: tuple[Example, ...] = ()
    aliases: tuple[str, ...] = ()
    confirm: bool = False

    @cached_property
    def params(self) -> tuple[Parameter, ...]:
        """Parameters in target order: required ones first, each group in the schema's own order."""
        required = set(self.parameters.get("required", ()))
        definitions = self.parameters.get("$defs")
        every = [
            Parameter(name, _with_definitions(schema, definitions), name in required)
            for name, schema in self.parameters.get("properties", {}).items()
        ]
        return tuple(sorted(every, key=lambda p: not p.required))

    @cached_property
    def object_rules(self) -> Mapping[str, Any]:
        """What the schema says of the arguments as a whole, such as `dependentRequired`; each value is left open."""
        rules = {k: v for k, v in self.parameters.items() if k != "required"}
        return {**rules, "properties": dict.fromkeys(self.parameters.get("properties", {}), True)}

    def param(self, name: str) -> Parameter | None:
        """The parameter of that name, if there is one."""
        return next((p for p in self.params if p.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """The function as `api.json` writes it, empty fields left out."""
        data: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
        }
        if self.returns is not None:
            data["returns"] = self.returns
        if self.aliases:
            data["aliases"] = list(self.aliases)
        if self.examples:
            data["examples"] = [
                e.query if e.calls is None else {"query": e.query, "calls": list(e.calls)} for e in self.examples
            ]
        if self.confirm:
            data["confirm"] = True
        return data


@dataclass(frozen=True)
class Spec:
    """An app's whole API."""

    app: str
    description: str
    functions: tuple[Function, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Function]:
        """Functions by name."""
        return {f.name: f for f in self.functions}

    def fillers(self, parameter: Parameter) -> tuple[Function, ...]:
        """Functions whose call may stand as the value of `parameter`: a nested call."""
        if _admits_any_call(parameter.schema):
            return self.functions
        return tuple(f for f in self.functions if f.returns is not None and fits(f.returns, parameter.schema))

    def to_json(self) -> dict[str, Any]:
        """The spec as `api.json` writes it."""
        return {
            "app": self.app,
            "description": self.description,
            "functions": [f.to_json() for f in self.functions],
        }

    def unexpressed(self) -> list[str]:
        """Places of schema keywords that decoding cannot enforce."""
        return [
            f"functions[{i}].parameters.{place}"
            for i, f in enumerate(self.functions)
            for place in unexpressed_keywords(f.parameters)
        ]


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a spec: where, what, and what to do."""

    place: str
    what: str
    mend: str

    def line(self, source: str) -> str:
        """The fault as one line for the user."""
        return " ".join(f"{source}: {self.place}: {self.what}. {self.mend}.".splitlines())


def load_spec(path: Path, app: str | None = None) -> Spec:
    """Read and check a spec file.

    Raises:
        BadInput: the file cannot be read, is no JSON, or has faults; one line for each.
    """
    return parse_spec(read_json(path), source=path.name, app=app)


def read_json(path: Path) -> Any:
    """Read one JSON file, or say where it breaks."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: is a folder, not a file") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start} is not UTF-8", hint="save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{error.lineno}: not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{path}: not JSON that octo can read: nested too deep, or a number too long") from None


def parse_spec(data: Any, *, source: str = "api.json", app: str | None = None) -> Spec:
    """Check `data` and make a `Spec` of it; `app` wins over the app that it names."""
    if isinstance(data, list):
        data = {"functions": data}
    if isinstance(data, dict) and app is not None:
        data = {**data, "app": app}
    faults = list(_spec_faults(data))
    if faults:
        raise BadInput("\n".join(fault.line(source) for fault in faults))
    return Spec(data["app"], data.get("description", ""), tuple(_function(f) for f in data["functions"]))


def _function(data: Mapping[str, Any]) -> Function:
    return Function(
        name=data["name"],
        description=data["description"],
        parameters=data.get("parameters") or {"type": "object", "properties": {}},
        returns=data.get("returns"),
        examples=tuple(
            Example(e) if isinstance(e, str) else Example(e["query"], tuple(e["calls"]))
            for e in data.get("examples", ())
        ),
        aliases=tuple(data.get("aliases", ())),
        confirm=bool(data.get("confirm", False)),
    )


def _spec_faults(data: Any) -> Iterator[Fault]:
    if not isinstance(data, dict):
        yield Fault("top level", "not an object", 'Write {"app": "...", "functions": [...]} or a list of functions')
        return
    app = data.get("app")
    if not isinstance(app, str) or not re.fullmatch(APP_PATTERN, app):
        yield Fault(
            "app",
            f"{app!r} is no app name",
            "Use lower case letters, digits and '-', at most 24, letter first",
        )
    if not isinstance(data.get("description", ""), str):
        yield Fault("description", "not a string", "Write one sentence")
    functions = data.get("functions")
    if not isinstance(functions, list) or not functions:
        yield Fault("functions", "not a list with at least one function", "List what the app can do")
        return
    seen: dict[str, int] = {}
    for index, function in enumerate(functions):
        place = f"functions[{index}]"
        yield from _function_faults(function, place)
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(name, str):
            if name in seen:
                yield Fault(f"{place}.name", f"{name!r} is already the name of functions[{seen[name]}]", "Rename one")
            seen.setdefault(name, index)


def _function_faults(data: Any, place: str) -> Iterator[Fault]:
    if not isinstance(data, dict):
        yield Fault(place, "not an object", 'Write {"name": ..., "description": ..., "parameters": ...}')
        return
    name = data.get("name")
    if not isinstance(name, str) or not _FUNCTION_NAME.fullmatch(name):
        yield Fault(f"{place}.name", f"{name!r} is no function name", "Use letters, digits and _ . - /, letter first")
    description = data.get("description")
    if not isinstance(description, str) or not description.strip():
        yield Fault(f"{place}.description", "missing or empty", "Say in one sentence what the function does")
    for key in sorted(set(data) - _FUNCTION_KEYS):
        yield Fault(f"{place}.{key}", "unknown key", f"Known keys are {', '.join(sorted(_FUNCTION_KEYS))}")
    if not isinstance(data.get("confirm", False), bool):
        yield Fault(f"{place}.confirm", "not true or false", "Write true to ask before acting")
    aliases = data.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(a, str) and a.strip() for a in aliases):
        yield Fault(f"{place}.aliases", "not a list of strings", "List other words that people use for it")
    if data.get("returns") is not None and not isinstance(data["returns"], dict):
        yield Fault(f"{place}.returns", "not a schema object", 'Write {"type": "string"} or the like')
    elif data.get("returns") is not None:
        yield from _schema_faults(data["returns"], f"{place}.returns")
    faults = list(_parameters_faults(data.get("parameters"), f"{place}.parameters"))
    yield from faults
    if not faults:
        yield from _examples_faults(data.get("examples", []), f"{place}.examples")


def _parameters_faults(data: Any, place: str) -> Iterator[Fault]:
    if data is None:
        return
    if not isinstance(data, dict):
        yield Fault(place, "not a schema object", 'Write {"type": "object", "properties": {...}}')
        return
    broken = list(_schema_faults(data, place))
    yield from broken
    if broken:
        return
    if data and data.get("type") != "object":
        yield Fault(f"{place}.type", f"{data.get('type')!r} instead of 'object'", 'Write "type": "object"')
    properties = data.get("properties", {})
    for name, schema in properties.items():
        here = f"{place}.properties.{name}"
        if not _PARAMETER_NAME.fullmatch(name):
            yield Fault(here, "no parameter name", "Use letters, digits and _ . - $ @ [ ]")
        elif not isinstance(schema, dict):
            yield Fault(here, "not a schema object", 'Write {"type": "string"} or the like')
        else:
            yield from _value_faults(_with_definitions(schema, data.get("$defs")), here)
            yield from _synonym_faults(schema, f"{here}.{SYNONYMS}")
    for name in data.get("required", ()):
        if name not in properties:
            yield Fault(f"{place}.required", f"{name!r} is not among the properties", "Add it there or drop it here")


def _synonym_faults(schema: Mapping[str, Any], place: str) -> Iterator[Fault]:
    """What is wrong with the words that a parameter has for its listed values."""
    words = schema.get(SYNONYMS, {})
    if not isinstance(words, Mapping):
        yield Fault(place, "not an object", 'Write {"living_room": ["lounge"]}')
        return
    for value, others in words.items():
        if value not in schema.get("enum", ()):
            yield Fault(f"{place}.{value}", "is not among the enum's values", "Add it there or drop it here")
        elif not isinstance(others, list) or not all(isinstance(w, str) and w.strip() for w in others):
            yield Fault(f"{place}.{value}", "not a list of words", "List other words that people use for it")


def _value_faults(schema: Mapping[str, Any], place: str) -> Iterator[Fault]:
    """What shows only when a value meets the schema: references that lead nowhere, a default that is no value."""
    lost = next(dangling_references(schema), None)
    if lost is not None:
        yield Fault(place, f"the reference {lost!r} leads nowhere", "Put its target under the parameters' $defs")
        return
    bare = {k: v for k, v in schema.items() if k != "default"}
    try:
        if value_faults(schema.get("default"), bare) and "default" in schema:
            yield Fault(f"{place}.default", f"{schema['default']!r} breaks its own schema", "Change one of the two")
    except Exception as error:  # whatever class the validator gives it; a schema that refers to itself, for one
        yield Fault(place, f"no value can be checked against it ({type(error).__name__})", "Simplify the schema")


def _schema_faults(data: Any, place: str) -> Iterator[Fault]:
    for where, message in schema_faults(data):
        yield Fault(f"{place}.{where}" if where else place, message, "See json-schema.org, draft 2020-12")


def _examples_faults(data: Any, place: str) -> Iterator[Fault]:
    if not isinstance(data, list):
        yield Fault(place, "not a list", "List real queries")
        return
    for index, example in enumerate(data):
        whole = isinstance(example, dict) and isinstance(example.get("query"), str) and _is_calls(example.get("calls"))
        if not whole and not (isinstance(example, str) and example.strip()):
            yield Fault(f"{place}[{index}]", "no example", 'Write a string or {"query": ..., "calls": [...]}')


def _is_calls(data: Any) -> bool:
    return isinstance(data, list) and all(isinstance(c, dict) and isinstance(c.get("name"), str) for c in data)


def _with_definitions(schema: Any, definitions: Any) -> Any:
    if definitions and isinstance(schema, Mapping) and "$ref" in json.dumps(schema):
        return {**schema, "$defs": definitions}
    return schema


def _admits_any_call(schema: Mapping[str, Any]) -> bool:
    branches: Sequence[Any] = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return any(
        isinstance(b, Mapping)
        and set(b.get("properties", {})) == {"name", "arguments"}
        and set(b.get("required", ())) == {"name", "arguments"}
        for b in branches
    )


def fits(returned: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether every value of schema `returned` is surely a value of `wanted`.

    Cautious: types, enums, formats and required properties are compared, any other constraint of `wanted` must
    stand in `returned` as it is. An untyped `wanted` takes no call, or every text would.
    """
    if "type" not in wanted or "type" not in returned:
        return False
    allowed = set(types_of(wanted)) | ({"integer"} if "number" in types_of(wanted) else set())
    if not set(types_of(returned)) <= allowed:
        return False
    if "enum" in wanted and not set(map(json.dumps, returned.get("enum", [object.__name__]))) <= set(
        map(json.dumps, wanted["enum"])
    ):
        return False
    constraints = (
        "format",
        "pattern",
        "minimum",
        "maximum",
        "items",
        "minLength",
        "maxLength",
        "x-octo-type",
    )
    if any(key in wanted and wanted[key] != returned.get(key) for key in constraints):
        return False
    properties = returned.get("properties", {})
    return all(
        name in returned.get("required", ()) and fits(properties.get(name, {}), schema)
        for name, schema in wanted.get("properties", {}).items()
        if name in wanted.get("required", ())
    )

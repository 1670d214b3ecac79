"""The API spec: functions, their parameters, and what a caller may say about them.

Reads octo's own JSON. What may be wrong with it is `spec_faults.py`'s, other formats are the importers' job, the values
of a call are `validation.py`'s.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.kinds import Kind, kind_of
from octocli.core.schemas import types_of, unexpressed_keywords, with_definitions
from octocli.core.spec_faults import spec_faults
from octocli.core.split_exemptions import named_values

# Beyond these a starter base needs more data and more training than the defaults give.
MANY_FUNCTIONS = 100


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

    @cached_property
    def named(self) -> frozenset[str]:
        """Values that the schema gives as examples, lower case."""
        return frozenset(value.strip().lower() for value in named_values(self.schema))


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
            Parameter(name, with_definitions(schema, definitions), name in required)
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
    faults = list(spec_faults(data))
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


def _admits_any_call(schema: Mapping[str, Any]) -> bool:
    branches: Sequence[Any] = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return any(
        isinstance(b, Mapping)
        and set(b.get("properties", {})) == {"name", "arguments"}
        and set(b.get("required", ())) == {"name", "arguments"}
        for b in branches
    )


_ALIKE = ("format", "pattern", "items", "multipleOf", "exclusiveMinimum", "exclusiveMaximum")


def fits(returned: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether every value of schema `returned` is surely a value of `wanted`.

    Cautious: types, enums, bounds, formats and required properties are compared, any other constraint of `wanted` must
    stand in `returned` as it is. An untyped `wanted` takes no call, or every text would. `x-octo-type`, a team's own
    name for what a value is, must be the same on both sides or on none.
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
    if any(key in wanted and wanted[key] != returned.get(key) for key in _ALIKE):
        return False
    if wanted.get("x-octo-type") != returned.get("x-octo-type"):
        return False
    if any(key in wanted and not returned.get(key, math.inf) <= wanted[key] for key in ("maximum", "maxLength")):
        return False
    if any(key in wanted and not returned.get(key, -math.inf) >= wanted[key] for key in ("minimum", "minLength")):
        return False
    properties = returned.get("properties", {})
    return all(
        name in returned.get("required", ()) and fits(properties.get(name, {}), schema)
        for name, schema in wanted.get("properties", {}).items()
        if name in wanted.get("required", ())
    )

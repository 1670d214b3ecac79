"""The values that a spec's calls are made of: parameters, and what is inside their arrays and objects, with places."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from octocli.core.schemas import target_of
from octocli.core.spec import Function, Parameter, Spec
from octocli.core.spec_review.findings import Place

Schema = Mapping[str, Any]

# Schemas that refer to each other in circles unfold without end.
_MOST_VALUES = 500
_BRANCHES = ("anyOf", "oneOf", "allOf")
# A reference may lead to something that is no schema; these keywords are read without another look.
_SHAPES: Mapping[str, tuple[type, ...]] = {
    "type": (str, list), "enum": (list,), "properties": (dict,), **dict.fromkeys(_BRANCHES, (list,)),
}  # fmt: skip


@dataclass(frozen=True)
class Value:
    """A value somewhere in a function's arguments.

    Attributes:
        place: where it stands.
        function: the function.
        parameter: the parameter that it is, or is inside of.
        schema: its own schema, references followed.
        objects: how many objects it is inside of.
        is_item: whether it is an item of a list.
    """

    place: Place
    function: Function
    parameter: Parameter
    schema: Schema
    objects: int = 0
    is_item: bool = False


def function_places(spec: Spec) -> list[tuple[Place, Function]]:
    """Each function with its place."""
    return [(Place(index, -1, function.name), function) for index, function in enumerate(spec.functions)]


def parameters_of(spec: Spec) -> Iterator[Value]:
    """Yield every parameter, in the order of the spec."""
    for place, function in function_places(spec):
        order = {name: index for index, name in enumerate(function.parameters.get("properties", {}))}
        for parameter in sorted(function.params, key=lambda p: order[p.name]):
            here = Place(place.function, order[parameter.name], f"{function.name}.{parameter.name}")
            schema = _followed(parameter.schema, parameter.schema, frozenset())[0]
            yield Value(here, function, parameter, schema)


def values_in(parameter: Value) -> Iterator[Value]:
    """Yield a parameter and every value inside it, the nearest first."""
    root = parameter.parameter.schema
    waiting: list[tuple[Schema, str, int, bool, frozenset[str]]] = [(root, parameter.place.text, 0, False, frozenset())]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        part, text, objects, is_item, seen = waiting.pop(0)
        schema, seen = _followed(part, root, seen)
        place = Place(parameter.place.function, parameter.place.parameter, text)
        yield Value(place, parameter.function, parameter.parameter, schema, objects, is_item)
        branches = [b for key in _BRANCHES for b in schema.get(key, ()) if isinstance(b, Mapping)]
        waiting += [(branch, text, objects, is_item, seen) for branch in branches]
        if isinstance(schema.get("items"), Mapping):
            waiting.append((schema["items"], f"{text}[]", objects, True, seen))
        for name, inner in schema.get("properties", {}).items():
            if isinstance(inner, Mapping):
                waiting.append((inner, f"{text}.{_shown(name)}", objects + 1, False, seen))


def _followed(schema: Schema, root: Schema, seen: frozenset[str]) -> tuple[Schema, frozenset[str]]:
    """The schema with its reference followed; one that was followed on the way here stands for nothing."""
    while isinstance(reference := schema.get("$ref"), str):
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        if reference in seen:
            return rest, seen
        seen |= {reference}
        schema = {**_target(reference, root), **rest}
    return schema, seen


def _target(reference: str, root: Schema) -> Schema:
    found = target_of(reference, root)
    if not isinstance(found, Mapping):
        return {}
    return found if all(isinstance(found[k], t) for k, t in _SHAPES.items() if k in found) else {}


def _shown(name: str) -> str:
    return name if name.isprintable() else repr(name)[1:-1]

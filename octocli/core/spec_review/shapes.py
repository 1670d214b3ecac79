"""Rule: schemas that decoding cannot enforce, or whose values are too deep or too free to be said in a sentence."""

from collections.abc import Iterator, Mapping
from typing import Any

from octocli.core.schemas import types_of, unexpressed_keywords
from octocli.core.spec import Spec
from octocli.core.spec_review.findings import Place, Remark
from octocli.core.spec_review.places import Value, function_places, parameters_of, values_in

# An order of items with options is two levels; nobody says three in one breath.
MOST_LEVELS = 2
# With more, most requests leave most of them out, and each is seen seldom.
MOST_PARAMETERS = 8

_ANYTHING = set(types_of({}))
_ELSEWHERE = ("$ref", "anyOf", "oneOf", "allOf", "enum", "const")  # these say what a value may be


def shape_remarks(spec: Spec) -> Iterator[Remark]:
    """Yield keywords without effect, free and deep objects, lists of objects, functions of many parameters."""
    for place, function in function_places(spec):
        rules = {key: rule for key, rule in function.parameters.items() if key not in ("properties", "$defs")}
        yield from _unexpressed(rules, place)
        if len(function.params) > MOST_PARAMETERS:
            mend = "leave out those that no user names, or make several functions of it"
            yield Remark("warning", "schema", place, f"more than {MOST_PARAMETERS} parameters", mend)
    for parameter in parameters_of(spec):
        yield from _unexpressed(parameter.parameter.schema, parameter.place)
        if not _takes_calls(parameter, spec):
            for value in values_in(parameter):
                yield from _free_values(value)
                yield from _deep_values(value, parameter.place)


def _unexpressed(schema: Mapping[str, Any], place: Place) -> Iterator[Remark]:
    for where in unexpressed_keywords(schema):
        what = f"decoding cannot enforce {where.rsplit('.', 1)[-1]!r}; a call that breaks it comes as unresolved"
        mend = "say it with type, enum, pattern, minimum and maximum, or check it in the app's handler"
        yield Remark("warning", "schema", place, what, mend)


def _free_values(value: Value) -> Iterator[Remark]:
    """Values that may be anything."""
    schema, types = value.schema, set(types_of(value.schema))
    told = any(key in schema for key in _ELSEWHERE)
    if types == _ANYTHING and not told:
        yield Remark("warning", "schema", value.place, "no type: any JSON may come out", 'write a "type"')
    elif "object" in types and not told and _takes_any_key(schema):
        mend = 'list its "properties", or take it as text'
        yield Remark("warning", "schema", value.place, "an object that may hold any keys", mend)
    elif "array" in types and types <= {"array", "null"} and not told and not {"items", "prefixItems"} & schema.keys():
        yield Remark("warning", "schema", value.place, "an array of anything", 'say under "items" what it holds')


def _takes_any_key(schema: Mapping[str, Any]) -> bool:
    return not schema.get("properties") and schema.get("additionalProperties") is not False


def _deep_values(value: Value, parameter: Place) -> Iterator[Remark]:
    """Values that take more than a sentence to say."""
    types = set(types_of(value.schema))
    if "object" not in types or not types <= {"object", "null"}:
        return
    if value.objects == MOST_LEVELS:
        mend = "make parameters of what users say, and build the rest in the app's handler"
        yield Remark("warning", "schema", parameter, f"objects in objects, more than {MOST_LEVELS} deep", mend)
    if value.is_item:
        mend = "let one call take one of them: several calls can answer one request"
        yield Remark("warning", "schema", value.place, "a list of objects", mend)


def _takes_calls(value: Value, spec: Spec) -> bool:
    """Whether a nested call stands there, which has its own schema."""
    return "object" in types_of(value.schema) and bool(spec.fillers(value.parameter))

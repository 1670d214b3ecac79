"""A parameter's schema as a rule: the keywords that a stub checks, references written out, everything else named.

A rule is JSON Schema too, in one form: `type` is always a list, `const` is an `enum`, there is no `$ref`.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from octocli.core.schemas import FORMATS
from octocli.core.stubs.patterns import portable_pattern

Rule = Mapping[str, Any]

_COPIED = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
    "minItems", "maxItems",
)  # fmt: skip
_COUNTS = {"minLength", "maxLength", "minItems", "maxItems"}
_CHECKED = {
    *_COPIED, "type", "enum", "const", "uniqueItems", "items", "properties", "required", "additionalProperties",
    "anyOf", "oneOf", "allOf", "$ref",
}  # fmt: skip
# They say something of a value and forbid none.
_REMARKS = {
    "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$schema", "$id",
    "$anchor", "$comment", "$defs", "definitions", "contentEncoding", "contentMediaType", "nullable",
}  # fmt: skip
_NOTHING: Rule = {"enum": []}
# References are written out this deep and this often; definitions that all refer to each other grow without bounds.
_DEEPEST = 6
_MOST = 500


def make_rule(schema: Mapping[str, Any], place: str, *, portable: bool = False) -> tuple[Rule, tuple[str, ...]]:
    """The rule of a parameter's schema, and the places of keywords that it leaves out.

    Args:
        schema: with the definitions that it refers to.
        place: what the places begin with.
        portable: write patterns as other languages than Python read them, and leave out those that they cannot.
    """
    maker = _Maker(schema, portable)
    return maker.rule(schema, place), tuple(maker.unchecked)


def left_out(schema: Mapping[str, Any]) -> list[str]:
    """The keywords of one schema that no rule holds."""
    known = _CHECKED | _REMARKS
    # A format that octo does not check either, such as OpenAPI's `int32`, is a remark.
    return [
        k
        for k in schema
        if k not in known and not k.startswith("x-") and (k != "format" or schema[k] in FORMATS.checkers)
    ]


class _Maker:
    def __init__(self, root: Mapping[str, Any], portable: bool) -> None:
        self.root = root
        self.portable = portable
        self.unchecked: list[str] = []
        self.written_out = 0

    def rule(self, schema: Any, place: str, opened: tuple[str, ...] = ()) -> Rule:
        """The rule of a schema within the root; `opened` are the references that led here."""
        if isinstance(schema, bool):
            return {} if schema else _NOTHING
        self.unchecked += [f"{place}: {keyword}" for keyword in left_out(schema)]
        made = {
            **self._of_itself(schema, place),
            **dict(self._of_lists(schema, place, opened)),
            **dict(self._of_objects(schema, place, opened)),
            **dict(self._of_branches(schema, place, opened)),
        }
        only = made.get("allOf", ())
        return only[0] if len(only) == 1 and len(made) == 1 else made

    def _of_itself(self, schema: Mapping[str, Any], place: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if "type" in schema:
            made["type"] = [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])
        if "enum" in schema or "const" in schema:
            made["enum"] = list(schema["enum"]) if "enum" in schema else [schema["const"]]
        for keyword in _COPIED:
            if keyword in schema:
                made[keyword] = int(schema[keyword]) if keyword in _COUNTS else schema[keyword]
        if self.portable and "pattern" in made:
            pattern = portable_pattern(made.pop("pattern"))
            if pattern is None:
                self.unchecked.append(f"{place}: pattern")
            else:
                made["pattern"] = pattern
        return made

    def _of_lists(self, schema: Mapping[str, Any], place: str, opened: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        if schema.get("uniqueItems"):
            yield "uniqueItems", True
        # Behind `prefixItems`, `items` speaks of the rest only.
        items = {} if "prefixItems" in schema else self.rule(schema.get("items", True), f"{place}[]", opened)
        if items:
            yield "items", items

    def _of_objects(self, schema: Mapping[str, Any], place: str, opened: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        if schema.get("properties"):
            yield (
                "properties",
                {name: self.rule(inner, f"{place}.{name}", opened) for name, inner in schema["properties"].items()},
            )
        if schema.get("required"):
            yield "required", list(schema["required"])
        others = schema.get("additionalProperties", True)
        if others is False and "patternProperties" not in schema:
            yield "additionalProperties", False
        elif isinstance(others, Mapping) and "patternProperties" not in schema:
            rule = self.rule(others, f"{place}.*", opened)
            if rule:
                yield "additionalProperties", rule

    def _of_branches(self, schema: Mapping[str, Any], place: str, opened: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                yield keyword, [self.rule(branch, place, opened) for branch in schema[keyword]]
        every = [self.rule(branch, place, opened) for branch in schema.get("allOf", ())]
        if "$ref" in schema:
            every.append(self._referred(schema["$ref"], place, opened))
        if "const" in schema and "enum" in schema:
            every.append({"enum": [schema["const"]]})
        every = [rule for rule in every if rule]
        if every:
            yield "allOf", every

    def _referred(self, reference: str, place: str, opened: tuple[str, ...]) -> Rule:
        if reference in opened:
            self.unchecked.append(f"{place}: {reference} within itself")
            return {}
        if len(opened) == _DEEPEST or self.written_out == _MOST:
            self.unchecked.append(f"{place}: {reference}, too deep to write out")
            return {}
        self.written_out += 1
        return self.rule(_found(reference, self.root), place, (*opened, reference))


def _found(reference: str, root: Mapping[str, Any]) -> Any:
    """What a reference such as `#/$defs/size` leads to; a checked spec has none that leads nowhere."""
    found: Any = root
    for step in unquote(reference).split("/")[1:]:
        found = found[step.replace("~1", "/").replace("~0", "~")]
    return found

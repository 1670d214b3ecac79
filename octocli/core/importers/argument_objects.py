"""The object that holds all arguments -> one list of fields, which is all that a function has, and rules about them."""

from collections.abc import Mapping, Set
from typing import Any

from octocli.core.importers.notes import Ledger, shown
from octocli.core.importers.schema_conversion import FLAGS
from octocli.core.importers.schema_merging import Schema, as_types, join_alternatives

# What says nothing about several fields at once, or is read elsewhere.
_WORDS = frozenset({"title", "description", "default", "examples", "type", "properties", "required",
                    "additionalProperties", "nullable", *FLAGS})  # fmt: skip


def join_variants(schema: Schema, place: str, ledger: Ledger) -> Schema:
    """The schema with the fields of its `anyOf` objects as its own; those that all need stay required."""
    variants = [v for v in schema.get("anyOf", ()) if v.get("type") != "null"]
    if not variants or not all(_is_object(v) for v in variants):
        return schema
    variants = [join_variants(variant, place, ledger) for variant in variants]
    fields = dict(schema.get("properties", {}))
    for variant in variants:
        for name, inner in variant.get("properties", {}).items():
            fields[name] = _either(fields[name], inner) if name in fields else inner
    needed = [set(variant.get("required", ())) for variant in variants]
    required = [*schema.get("required", ()), *sorted(set.intersection(*needed))]
    ledger.note("schema", place, f"one of {len(variants)} objects", "their fields are joined, any may be left out")
    joined = {k: v for k, v in schema.items() if k != "anyOf"}
    return {**joined, "type": "object", "properties": fields, "required": list(dict.fromkeys(required))}


def _is_object(variant: Mapping[str, Any]) -> bool:
    if "type" in variant and "object" not in as_types(variant["type"]):
        return False
    return "properties" in variant or "required" in variant or "anyOf" in variant or "type" in variant


def _either(first: Schema, second: Schema) -> Schema:
    if first == second:
        return first
    branches = [*first["anyOf"]] if first.keys() == {"anyOf"} else [first]
    return join_alternatives([*branches, second])


def argument_rules(schema: Schema, names: Set[str], place: str, ledger: Ledger) -> Schema:
    """What the object says of several fields at once, as far as a call can be held to it; the rest is named.

    Args:
        schema: the object.
        names: the fields that became parameters under their own names.
        place: the operation, for notes.
        ledger: told of what is left out.
    """
    named = schema.get("type", "object")
    if "object" not in as_types(named):
        ledger.note("schema", place, f"its arguments are of type {shown(named)}, not an object")
    if schema.get("additionalProperties", False) is not False:
        ledger.tally("fields beyond the named ones")
    rules: Schema = {}
    for key in sorted(schema.keys() - _WORDS):
        needed = schema[key] if key == "dependentRequired" else {}
        if needed and all({name, *others} <= names for name, others in needed.items()):
            rules[key] = needed
        else:
            ledger.note("schema", place, f"{key} about all arguments at once")
    return rules

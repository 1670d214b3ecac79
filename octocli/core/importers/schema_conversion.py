"""A schema of any dialect, with references -> plain draft 2020-12 that stands alone.

References are put in place and cycles cut, `allOf` is merged, `oneOf` and OpenAPI 3.0's spellings are rewritten, and
what is too deep, too large or no schema at all is loosened: every such step is named. Keyword by keyword it asks
`schema_keywords.py`.
"""

from collections.abc import Iterator
from functools import reduce
from typing import Any

from octocli.core.importers.json_values import list_in, object_in
from octocli.core.importers.notes import Ledger, shown
from octocli.core.importers.references import MISSING, References
from octocli.core.importers.schema_keywords import (
    CHECKS,
    REVERSED,
    SCHEMA_KEYWORDS,
    SCHEMA_LISTS,
    SCHEMA_MAPS,
    SILENT,
    known_type,
    modern,
)
from octocli.core.importers.schema_merging import (
    Schema,
    as_type,
    as_types,
    distinct,
    join_alternatives,
    merge,
    nullable,
)
from octocli.core.importers.schema_place import Where
from octocli.core.schemas import json_type

# Objects and lists within one parameter: deeper ones are left open. Nobody says more in one sentence.
MAX_NESTING = 7
# Schemas within one parameter, so that a web of references cannot grow without bound.
MAX_SCHEMAS = 300
# References and allOf steps on the way to one schema.
_MAX_STEPS = 60

# Words about when a field is given; read by the object that holds it.
FLAGS = frozenset({"readOnly", "writeOnly", "deprecated"})
_NEEDLESS = frozenset({"properties", "required"})


class SchemaConverter:
    """Converts the schemas of one document.

    Args:
        references: where `$ref` leads.
        ledger: told of all that is changed.
        for_answers: whether the values are answers: then `writeOnly` fields are left out, not `readOnly` ones.
    """

    def __init__(self, references: References, ledger: Ledger, *, for_answers: bool = False) -> None:
        self._references = references
        self._ledger = ledger
        self._hidden = "writeOnly" if for_answers else "readOnly"
        self._left = MAX_SCHEMAS
        self._overflowed = False

    def parameter(self, raw: Any, place: str) -> Schema:
        """The schema of one parameter."""
        self._refill()
        return self._schema(raw, Where(place, nesting=1))

    def arguments(self, raw: Any, place: str) -> Schema:
        """The schema of an object whose fields are to become parameters; each field has its own budget."""
        self._refill()
        return self._schema(raw, Where(place))

    def _refill(self) -> None:
        self._left, self._overflowed = MAX_SCHEMAS, False

    def _schema(self, raw: Any, where: Where) -> Schema:
        self._left -= 1
        if raw is True:
            return {}
        if not isinstance(raw, dict):
            self._note(where, f"{shown(raw)} is no schema", "taken as any value")
            return {}
        if self._left <= 0 or where.steps > _MAX_STEPS:
            return self._overflow(raw, where)
        members = [*self._referenced(raw, where), *self._members(raw, where)]
        own = self._own(raw, where)
        made = self._merged([*members, own], where) if members else own
        if raw.get("nullable") is True:
            made = nullable(made)
        return made if where.partial else self._judged(made, where)

    def _overflow(self, raw: Schema, where: Where) -> Schema:
        """Named once for each parameter; its further schemas are cut without another word."""
        if self._overflowed:
            self._ledger.changes += 1
            return self._shell(raw)
        self._overflowed = True
        what = f"more than {MAX_SCHEMAS} schemas within one parameter"
        self._note(where, what, "this one and those after it are cut to their types")
        return self._shell(raw)

    def _merged(self, schemas: list[Schema], where: Where) -> Schema:
        def report(what: str, became: str) -> None:
            self._note(where, what, became)

        return reduce(lambda first, second: merge(first, second, report), schemas)

    # ------------------------------------------------------------ references and allOf

    def _referenced(self, raw: Schema, where: Where) -> Iterator[Schema]:
        reference = raw.get("$ref")
        if reference is None:
            return
        if not isinstance(reference, str):
            self._note(where, f"the reference {shown(reference)} is no text", "taken as any value")
            return
        target = self._references.find(reference)
        if target is MISSING:
            lost = "leads nowhere" if self._references.is_local(reference) else "leads outside the document"
            self._note(where, f"the reference {shown(reference)} {lost}", "taken as any value")
        elif reference in where.trail:
            yield self._cut(target, where, f"{shown(reference)} contains itself")
        else:
            yield self._schema(target, where.behind(reference))

    def _members(self, raw: Schema, where: Where) -> Iterator[Schema]:
        members = raw.get("allOf", [])
        if not isinstance(members, list):
            self._note(where, "allOf is no list", "left out")
            return
        for member in members:
            yield self._schema(member, where.beside(partial=True))

    def _cut(self, raw: Any, where: Where, why: str) -> Schema:
        """The outermost shell of a schema that is not followed further."""
        shell = self._shell(raw)
        self._note(where, why, f"cut to any {' or '.join(as_types(shell.get('type', 'value')))}")
        return shell

    def _shell(self, raw: Any) -> Schema:
        shell: Schema = {}
        if named := self._bare_type(raw):
            shell["type"] = named
        if isinstance(raw, dict) and isinstance(raw.get("description"), str):
            shell["description"] = raw["description"]
        return nullable(shell) if isinstance(raw, dict) and raw.get("nullable") is True else shell

    def _bare_type(self, raw: Any, steps: int = 4) -> str | None:
        """The type that a schema plainly has, itself or through the first steps of its references and allOf."""
        raw = self._references.resolve(raw)
        if not isinstance(raw, dict) or not steps:
            return None
        if (named := known_type(raw.get("type"))) or "properties" in raw:
            return named or "object"
        types = (self._bare_type(member, steps - 1) for member in list_in(raw, "allOf")[:steps])
        return next(filter(None, types), None)

    # ------------------------------------------------------------ one schema's own keywords

    def _own(self, raw: Schema, where: Where) -> Schema:
        made: Schema = {}
        self._take_type(raw, made, where)
        for key, value in modern(raw).items():
            if key in CHECKS:
                self._take_plain(key, value, made, where)
            elif key in SCHEMA_KEYWORDS or key in SCHEMA_LISTS or key in SCHEMA_MAPS:
                self._take_inner(key, value, made, where)
            elif key.startswith("x-octo-"):
                made[key] = value
            elif key not in SILENT:
                self._ledger.tally(f"keyword {shown(key)}")
        self._take_fields(raw, made, where)
        return self._with_alternatives(raw, made, where)

    def _take_type(self, raw: Schema, made: Schema, where: Where) -> None:
        if "type" not in raw:
            # Meant by all who leave it out; without it a call could give a text for an object.
            if object_in(raw, "properties"):
                made["type"] = "object"
            elif isinstance(raw.get("items"), dict):
                made["type"] = "array"
            return
        names = as_types(raw["type"]) if isinstance(raw["type"], (str, list)) else [raw["type"]]
        known = [known_type(name) for name in names]
        for name, found in zip(names, known, strict=True):
            if found is None:
                self._note(where, f"{shown(name)} is no type", "taken as any type")
            elif found != name:
                self._ledger.tally(f"type {shown(name)}", f"read as {found or 'any type'}")
        if all(known) and (named := as_type([k for k in known if k])):
            made["type"] = named

    def _take_plain(self, key: str, value: Any, made: Schema, where: Where) -> None:
        if not CHECKS[key](value):
            self._note(where, f"{key} {shown(value)} is not what draft 2020-12 (or Python's patterns) takes")
        elif key in ("enum", "examples"):
            made[key] = distinct(value)
        elif value is not False or key in ("default", "const"):
            made[key] = value

    def _take_inner(self, key: str, value: Any, made: Schema, where: Where) -> None:
        """A keyword that holds schemas."""
        if where.nesting >= MAX_NESTING:
            self._note(where, f"nested deeper than {MAX_NESTING} levels", "its inside is left open")
            return
        before = self._ledger.changes
        inner = self._inner_schemas(key, value, where)
        if inner is None:
            self._note(where, f"{key} {shown(value)} holds no schema")
        elif key in REVERSED and self._ledger.changes > before:
            self._note(where, f"{key} could not be taken over exactly", "left out, or it would forbid more")
        elif inner != {} or key != "items":
            made[key] = inner

    def _inner_schemas(self, key: str, value: Any, where: Where) -> Any:
        if key in SCHEMA_MAPS:
            if not isinstance(value, dict) or (
                key == "patternProperties" and not all(CHECKS["pattern"](pattern) for pattern in value)
            ):
                return None
            return {name: self._schema(inner, where.inner(f".{name}")) for name, inner in value.items()}
        if key in SCHEMA_LISTS:
            if not isinstance(value, list) or not value:
                return None
            return [self._schema(inner, where.inner(f"[{index}]")) for index, inner in enumerate(value)]
        if isinstance(value, bool):
            return value if value is False or key != "items" else {}
        return self._schema(value, where.inner("[]" if key == "items" else "")) if isinstance(value, dict) else None

    # ------------------------------------------------------------ fields of an object

    def _take_fields(self, raw: Schema, made: Schema, where: Where) -> None:
        fields, needed = raw.get("properties", {}), raw.get("required", [])
        if not isinstance(fields, dict):
            self._note(where, f"properties {shown(fields)} is no object")
            fields = {}
        if isinstance(needed, bool):  # draft 3 and many hand-written documents say it of the field itself
            needed = []
        if not isinstance(needed, list):
            self._note(where, f"required {shown(needed)} is no list")
            needed = []
        required = list(dict.fromkeys(filter(_is_text, needed)))
        required += [n for n, f in fields.items() if isinstance(f, dict) and f.get("required") is True]
        if (fields or required) and where.nesting >= MAX_NESTING:
            self._note(where, f"nested deeper than {MAX_NESTING} levels", "its fields are left open")
            return
        if kept := dict(self._fields(fields, where)):
            made["properties"] = kept
        if required:
            made["required"] = list(dict.fromkeys(required))

    def _fields(self, fields: Schema, where: Where) -> Iterator[tuple[str, Schema]]:
        for name, raw in fields.items():
            if where.nesting == 0:
                self._refill()
            here = where.inner(f".{name}")
            if raw is False:
                self._note(here, "admits no value")
            else:
                yield name, self._schema(raw, here)

    # ------------------------------------------------------------ alternatives

    def _with_alternatives(self, raw: Schema, made: Schema, where: Where) -> Schema:
        for key in ("anyOf", "oneOf"):
            branches = raw.get(key)
            if isinstance(branches, list) and branches:
                if key == "oneOf" and len(branches) > 1:
                    self._ledger.tally("oneOf (exactly one of several schemas)", "read as anyOf")
                joined = join_alternatives([self._schema(branch, where.beside()) for branch in branches])
                made = self._merged([joined, made], where)
            elif key in raw:
                self._note(where, f"{key} {shown(branches)} is no list of schemas")
        return made

    # ------------------------------------------------------------ keywords that must agree

    def _judged(self, made: Schema, where: Where) -> Schema:
        """The schema when all of it is known: without fields that nobody gives, with an enum of its type."""
        if "properties" in made:
            made = self._with_given_fields(made, where)
        if "enum" in made and "type" in made:
            made = self._with_fitting_enum(made, where)
        return made

    def _with_given_fields(self, made: Schema, where: Where) -> Schema:
        required, kept = made.get("required", []), {}
        for name, schema in made["properties"].items():
            if schema.get(self._hidden):
                self._ledger.note("parameter", f"{where.place}.{name}", self._hidden)
            elif schema.get("deprecated") and name not in required:
                self._ledger.note("parameter", f"{where.place}.{name}", "deprecated")
            else:
                kept[name] = {k: v for k, v in schema.items() if k not in FLAGS}
        required = [name for name in required if name in kept or name not in made["properties"]]
        return {k: v for k, v in {**made, "properties": kept, "required": required}.items() if v or k not in _NEEDLESS}

    def _with_fitting_enum(self, made: Schema, where: Where) -> Schema:
        types = as_types(made["type"])
        fitting = [
            v for v in made["enum"] if json_type(v) in types or (json_type(v) == "integer" and "number" in types)
        ]
        if len(fitting) == len(made["enum"]):
            return made
        if fitting:
            self._note(where, f"enum holds values that are no {' or '.join(types)}", "these values are left out")
            return {**made, "enum": fitting}
        self._note(where, f"no value of enum is of type {' or '.join(types)}", "its type is left out")
        return {key: value for key, value in made.items() if key != "type"}

    def _note(self, where: Where, what: str, became: str = "left out") -> None:
        self._ledger.note("schema", where.place, what, became)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)

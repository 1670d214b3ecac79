"""One operation of an OpenAPI document -> its parameters in one flat list, and its result where that is small.

Path, query and body become one list, since a function has one. Headers, cookies and what proves who calls are the
app's own to send. Schemas are converted by `schema_conversion.py`.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Any

from octocli.core.importers.argument_objects import argument_rules, join_variants
from octocli.core.importers.functions import ParameterList, Signature, small_result
from octocli.core.importers.json_values import list_in, object_in, text_in
from octocli.core.importers.notes import Ledger, shown
from octocli.core.importers.references import MISSING, References
from octocli.core.importers.schema_conversion import SchemaConverter

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_SENT_BY_THE_APP = ("header", "cookie")
# What a Swagger 2.0 parameter says beside its schema, and how any parameter is written on the wire.
_NOT_OF_THE_SCHEMA = frozenset(
    {"name", "in", "required", "collectionFormat", "allowEmptyValue", "style", "explode", "allowReserved", "schema",
     "content", "deprecated", "example", "examples", "description"}
)  # fmt: skip


class Layout(Enum):
    """Where a version of the format keeps what."""

    SWAGGER_2 = "securityDefinitions"
    OPENAPI_3 = "securitySchemes"

    @property
    def places(self) -> tuple[str, ...]:
        """Where a parameter that a person gives may stand."""
        return ("path", "query", "body", "formData") if self is Layout.SWAGGER_2 else ("path", "query")


class SignatureReader:
    """Reads the operations of one document.

    Args:
        data: the document.
        layout: the layout of its version.
        references: where `$ref` leads.
        ledger: told of all that is changed.
    """

    def __init__(self, data: dict[str, Any], layout: Layout, references: References, ledger: Ledger) -> None:
        self._layout = layout
        self._references = references
        self._ledger = ledger
        self._converter = SchemaConverter(references, ledger)
        self._keys = set(_key_parameters(data, layout, references))

    def read(self, operation: dict[str, Any], item: dict[str, Any], place: str) -> Signature:
        """The signature of an operation under its path item."""
        parameters = ParameterList(place, self._ledger)
        if "callbacks" in operation:
            self._ledger.tally("callbacks: calls that the app receives")
        given = list(self._parameters(operation, item, place))
        for raw in given:
            if raw.get("in") in ("path", "query"):
                self._add(raw, parameters, place)
        if self._layout is Layout.SWAGGER_2:
            self._add_swagger_body([raw for raw in given if raw.get("in") in ("body", "formData")], parameters, place)
        elif "requestBody" in operation:
            self._add_body(operation["requestBody"], parameters, place)
        return Signature(parameters.schema(), self._result(operation))

    # ------------------------------------------------------------ parameters

    def _parameters(self, operation: dict[str, Any], item: dict[str, Any], place: str) -> Iterator[dict[str, Any]]:
        """The parameters that a call may give: the operation's own, and those of its path that it does not replace."""
        chosen: dict[tuple[str, str], dict[str, Any]] = {}
        for raw in [*list_in(item, "parameters"), *list_in(operation, "parameters")]:
            found = self._references.resolve(raw)
            if found is MISSING or not isinstance(found, dict) or not text_in(found, "name"):
                self._ledger.note("parameter", place, f"{shown(raw)} is no parameter, or leads to none")
            else:
                chosen[str(found.get("in")), found["name"]] = found
        for (where, name), found in chosen.items():
            if (where, name) in self._keys:
                self._ledger.tally(f"{where} parameter {shown(name)}", "left to the app: it proves who calls")
            elif where in _SENT_BY_THE_APP:
                self._ledger.tally(f"{where} {shown(name)}", "left to the app to send")
            elif where in self._layout.places:
                yield found
            else:
                self._ledger.note("parameter", f"{place}: {name}", f"in {shown(where)}, which is no place for one")

    def _add(self, raw: dict[str, Any], parameters: ParameterList, place: str) -> None:
        name, required = raw["name"], raw.get("in") == "path" or raw.get("required") is True
        schema = self._converter.parameter(self._parameter_schema(raw), f"{place}: {name}")
        parameters.add(name, _with_words(schema, raw), required=required, origin=str(raw.get("in")))

    def _parameter_schema(self, raw: dict[str, Any]) -> Any:
        if self._layout is Layout.SWAGGER_2:
            return {key: value for key, value in raw.items() if key not in _NOT_OF_THE_SCHEMA}
        if "schema" in raw:
            return raw["schema"]
        content = object_in(raw, "content")
        if not content:
            self._ledger.tally("a parameter without a schema", "taken as any value")
        return next((object_in(content, kind).get("schema", {}) for kind in content), {})

    # ------------------------------------------------------------ bodies

    def _add_body(self, raw: Any, parameters: ParameterList, place: str) -> None:
        body = self._references.resolve(raw)
        content = object_in(body, "content") if body is not MISSING else {}
        kind = _best_kind(content)
        if kind is None:
            named = ", ".join(content) or "no kind that it names"
            self._ledger.note("parameter", f"{place}: body", f"of {shown(named)}, which is not said in words")
            return
        if len(content) > 1:
            self._ledger.tally("a body that may be of several media types", "read as the first of JSON, form, text")
        # Many documents forget to say that a body is needed; only those that say it is not are believed.
        required = body.get("required") is not False
        schema = object_in(content, kind).get("schema", {})
        if kind.startswith("text/") and not schema:
            schema = {"type": "string"}
        self._add_body_schema(schema, parameters, place, required=required, form=kind in _FORMS)

    def _add_swagger_body(self, given: list[dict[str, Any]], parameters: ParameterList, place: str) -> None:
        for raw in given:
            if raw.get("in") == "body":
                required = raw.get("required") is not False
                self._add_body_schema(raw.get("schema", {}), parameters, place, required=required, form=False)
        fields = {raw["name"]: raw for raw in given if raw.get("in") == "formData"}
        for name in [name for name, raw in fields.items() if raw.get("type") == "file"]:
            self._note_file(f"{place}: body.{name}")
            del fields[name]
        if fields:
            schema = {
                "type": "object",
                "properties": {name: _with_words(self._parameter_schema(raw), raw) for name, raw in fields.items()},
                "required": [name for name, raw in fields.items() if raw.get("required") is True],
            }
            self._add_body_schema(schema, parameters, place, required=True, form=True)

    def _add_body_schema(self, raw: Any, parameters: ParameterList, place: str, *, required: bool, form: bool) -> None:
        """Add the fields of an object body each as a parameter, any other body as one parameter `body`."""
        schema = join_variants(self._converter.arguments(raw, f"{place}: body"), f"{place}: body", self._ledger)
        if not schema.get("properties"):
            parameters.add("body", self._converter.parameter(raw, f"{place}: body"), required=required, origin="body")
            return
        if form:
            schema = self._without_files(schema, f"{place}: body")
        argument_rules(schema, frozenset(), f"{place}: body", self._ledger)
        parameters.add_fields(schema, required=required, origin="body")

    def _without_files(self, schema: dict[str, Any], place: str) -> dict[str, Any]:
        """A form without its files: nobody says a file."""
        files = {name for name, inner in schema["properties"].items() if _is_file(inner)}
        for name in sorted(files):
            self._note_file(f"{place}.{name}")
        return {
            **schema,
            "properties": {name: inner for name, inner in schema["properties"].items() if name not in files},
            "required": [name for name in schema.get("required", ()) if name not in files],
        }

    def _note_file(self, place: str) -> None:
        self._ledger.note("parameter", place, "a file, which is not said in words")

    # ------------------------------------------------------------ results

    def _result(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        responses = object_in(operation, "responses")
        answer = next((self._references.resolve(responses[code]) for code in ("200", "201") if code in responses), None)
        if not isinstance(answer, dict):
            return None
        raw = answer.get("schema")
        if self._layout is Layout.OPENAPI_3:
            content = object_in(answer, "content")
            raw = next((object_in(content, kind).get("schema") for kind in content if _is_json(kind)), None)
        if not isinstance(raw, dict):
            return None
        # What is lost within a result costs no call anything; that it is left out is said.
        converter = SchemaConverter(self._references, Ledger(), for_answers=True)
        return small_result(converter.arguments(raw, "result"), self._ledger)


def _key_parameters(data: dict[str, Any], layout: Layout, references: References) -> Iterator[tuple[str, str]]:
    """Where keys are sent that prove who calls: (place, name)."""
    holder = data if layout is Layout.SWAGGER_2 else object_in(data, "components")
    for raw in object_in(holder, layout.value).values():
        scheme = references.resolve(raw)
        if isinstance(scheme, dict) and scheme.get("type") == "apiKey":
            yield str(scheme.get("in")), str(scheme.get("name"))


def _best_kind(content: dict[str, Any]) -> str | None:
    """The media type to read a body from: JSON, else a form, else text."""
    for fits in (_is_json, lambda kind: kind.split(";")[0].strip() in _FORMS, lambda kind: kind.startswith("text/")):
        if (found := next(filter(fits, content), None)) is not None:
            return found
    return None


def _is_json(kind: str) -> bool:
    bare = kind.split(";")[0].strip().lower()
    return bare in ("application/json", "*/*", "application/*", "text/json") or bare.endswith("+json")


def _is_file(schema: dict[str, Any]) -> bool:
    items = schema.get("items", {})
    return any(
        isinstance(part, dict) and (part.get("format") == "binary" or part.get("contentMediaType") is not None)
        for part in (schema, items)
    )


def _with_words(schema: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    """The schema with the parameter's own description and examples, which stand beside it."""
    made = dict(schema)
    if text_in(raw, "description"):
        made["description"] = text_in(raw, "description")
    if raw.get("deprecated") is True:
        made["deprecated"] = True
    examples = [raw["example"]] if "example" in raw else []
    examples += [e["value"] for e in object_in(raw, "examples").values() if isinstance(e, dict) and "value" in e]
    if examples and "examples" not in made:
        made["examples"] = examples
    return made

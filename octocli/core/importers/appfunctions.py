"""Android AppFunctions: the XML asset that the app's build makes -> operations.

Based on the documentation of `android.app.appfunctions.AppFunctionMetadata` (developer.android.com, API level 37) and
on the files and type numbers in the source of `androidx.appfunctions` (its compiler's expected outputs and
`AppFunctionDataTypeMetadata`): an `<appfunctions>` element holds an `<appfunction>` for each function and, last, a
document of data types that functions refer to by name. `app_functions_v2.xml` has parameters; the older
`app_functions.xml` has names alone.
"""

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from octocli.core.errors import BadInput
from octocli.core.importers.documents import MAX_DEPTH
from octocli.core.importers.functions import Operation, ParameterList, Signature, small_result
from octocli.core.importers.notes import WHOLE_DOCUMENT, Ledger, shown
from octocli.core.importers.references import References
from octocli.core.importers.schema_conversion import SchemaConverter

_FUNCTION_TAGS = ("appfunction", "appfunctionmetadata")
_SIMPLE: dict[str, dict[str, Any]] = {
    "0": {"type": "null"},
    "1": {"type": "boolean"},
    "2": {"type": "string", "contentEncoding": "base64"},
    "4": {"type": "number"},
    "5": {"type": "number"},
    "6": {"type": "integer"},
    "7": {"type": "integer"},
    "8": {"type": "string"},
}
_OBJECT, _ARRAY, _REFERENCE, _ALL_OF, _PARCELABLE, _ONE_OF = "3", "10", "11", "12", "13", "14"
_NOTHING = "0"
# Identifiers of the document store, and what other elements say as well.
_READ = frozenset(
    {"id", "isnullable", "type", "itemtype", "properties", "required", "datatypereference", "allof", "oneof",
     "enumvalues", "objectqualifiedname", "parcelablequalifiedname", "description"}
)  # fmt: skip


def parse_appfunctions(content: bytes, source: str) -> Element:
    """The root element of the file.

    Raises:
        BadInput: it is no XML, declares entities or a document type, or is another file of the framework.
    """
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise BadInput(f"{source}: declares a document type or entities", hint="the build makes none; why?") from None
    except ParseError as error:
        raise BadInput(f"{source}:{error.position[0]}: not XML: {error}") from None
    except (ValueError, LookupError, RecursionError) as error:
        raise BadInput(f"{source}: not XML that octo can read: {shown(str(error))}") from None
    if _depth_exceeds(root, MAX_DEPTH):
        raise BadInput(f"{source}: nested deeper than {MAX_DEPTH} levels")
    if _tag(root) == "appfunctionappmetadata":
        raise BadInput(
            f"{source}: describes the app, not its functions", hint="give assets/app_functions_v2.xml of the build"
        )
    if _tag(root) != "appfunctions":
        raise BadInput(f"{source}: <{root.tag}> instead of <appfunctions>", hint="octo reads Android's app functions")
    return root


def appfunctions_operations(root: Element, source: str, ledger: Ledger) -> Iterator[Operation]:
    """Yield the functions of the file.

    Raises:
        BadInput: there are none.
    """
    elements = [child for child in root if _tag(child) in _FUNCTION_TAGS]
    if not elements:
        raise BadInput(f"{source}: no <appfunction> in it")
    if not any(_child(element, "parameters") is not None or _response(element) is not None for element in elements):
        what = "names of functions alone: the older form"
        ledger.note("document", WHOLE_DOCUMENT, what, "no parameters; app_functions_v2.xml has them")
    references = References({"types": dict(_data_types(root, ledger))})
    for element in elements:
        yield _operation(element, SchemaConverter(references, ledger), references, ledger)


def _operation(element: Element, converter: SchemaConverter, references: References, ledger: Ledger) -> Operation:
    identifier = _text(element, "id", "functionId") or "?"
    name = identifier.rsplit("#", 1)[-1].rsplit(".", 1)[-1]
    category, schema_name = _text(element, "schemaCategory"), _text(element, "schemaName")
    skipped = "deprecated" if _child(element, "deprecation") is not None else ""
    if _text(element, "enabledByDefault").lower() == "false":
        ledger.note("operation", identifier, "not enabled by default", "taken over; the app must enable it")

    def read() -> Signature:
        parameters = ParameterList(identifier, ledger)
        for raw in _children(element, "parameters"):
            _add(raw, parameters, converter, identifier, ledger)
        return Signature(parameters.schema(), _result(element, references, ledger))

    return Operation(
        place=identifier,
        name=name,
        description=_text(element, "description"),
        read=read,
        labels=tuple(label for label in (identifier, category, schema_name) if label),
        skipped=skipped,
    )


def _add(raw: Element, parameters: ParameterList, converter: SchemaConverter, identifier: str, ledger: Ledger) -> None:
    name = _text(raw, "name")
    place = f"{identifier}: {name}"
    metadata = _child(raw, "dataTypeMetadata")
    if metadata is not None and _text(metadata, "type") == _PARCELABLE:
        ledger.note("parameter", place, "an Android object, which is not said in words")
        return
    schema = converter.parameter({} if metadata is None else _schema(metadata, place, ledger), place)
    if description := _text(raw, "description"):
        schema["description"] = description
    parameters.add(name, schema, required=_text(raw, "isRequired").lower() == "true")


def _result(element: Element, references: References, ledger: Ledger) -> dict[str, Any] | None:
    response = _response(element)
    value = None if response is None else _child(response, "valueType")
    if value is None or _text(value, "type") == _NOTHING:
        return None
    converter = SchemaConverter(references, Ledger(), for_answers=True)
    return small_result(converter.arguments(_schema(value, "response", Ledger()), "response"), ledger)


def _data_types(root: Element, ledger: Ledger) -> Iterator[tuple[str, dict[str, Any]]]:
    for components in root:
        for data_type in _children(components, "dataTypes"):
            metadata = _child(data_type, "dataTypeMetadata")
            if metadata is not None:
                name = _text(data_type, "name")
                yield name, _never_null(_schema(metadata, name, ledger))


def _schema(metadata: Element, place: str, ledger: Ledger) -> dict[str, Any]:
    """A data type as a schema in OpenAPI 3.0's manner; the converter makes plain JSON Schema of it."""
    number = _text(metadata, "type")
    schema: dict[str, Any] = dict(_SIMPLE.get(number, {}))
    if number == _OBJECT:
        schema = {"type": "object", "properties": dict(_fields(metadata, place, ledger))}
        schema["required"] = [child.text.strip() for child in _children(metadata, "required") if child.text]
    elif number == _ARRAY:
        item = _child(metadata, "itemType")
        schema = {"type": "array", "items": {} if item is None else _schema(item, place, ledger)}
    elif number == _REFERENCE:
        schema = {"$ref": f"#/types/{_pointer_step(_text(metadata, 'dataTypeReference'))}"}
    elif number in (_ALL_OF, _ONE_OF):
        key = "allOf" if number == _ALL_OF else "oneOf"
        schema = {key: [_never_null(_schema(part, place, ledger)) for part in _children(metadata, key)]}
    elif number not in _SIMPLE:
        ledger.note("schema", place, f"data type {shown(number)} is none that octo knows", "taken as any value")
    if values := [child.text.strip() for child in _children(metadata, "enumValues") if child.text]:
        schema["enum"] = [_value(text, number) for text in values]
    if _text(metadata, "isNullable").lower() == "true":
        schema["nullable"] = True
    if description := _text(metadata, "description"):
        schema["description"] = description
    for child in metadata:
        if _tag(child) not in _READ:
            ledger.tally(f"<{child.tag}> of a data type")
    return schema


def _never_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A named type, or a part of one: the build calls them all nullable, and it is the reference that says."""
    return {key: value for key, value in schema.items() if key != "nullable"}


def _fields(metadata: Element, place: str, ledger: Ledger) -> Iterator[tuple[str, dict[str, Any]]]:
    for field in _children(metadata, "properties"):
        name = _text(field, "name")
        inner = _child(field, "dataTypeMetadata")
        schema = {} if inner is None else _schema(inner, f"{place}.{name}", ledger)
        if description := _text(field, "description"):
            schema["description"] = description
        yield name, schema


def _value(text: str, number: str) -> Any:
    """A value of an enum; whole numbers are numbers where the type is one."""
    return int(text) if number in ("6", "7") and text.removeprefix("-").isdecimal() and len(text) < 20 else text


def _pointer_step(name: str) -> str:
    return name.replace("%", "%25").replace("~", "~0").replace("/", "~1")


def _tag(element: Element) -> str:
    """The tag without namespace, and as both spellings have it: `function_id` is `functionId`."""
    return str(element.tag).rsplit("}", 1)[-1].replace("_", "").lower()


def _children(element: Element, tag: str) -> Iterator[Element]:
    return (child for child in element if _tag(child) == tag.lower())


def _child(element: Element, tag: str) -> Element | None:
    return next(_children(element, tag), None)


def _response(element: Element) -> Element | None:
    return _child(element, "response")


def _text(element: Element, *tags: str) -> str:
    for tag in tags:
        child = _child(element, tag)
        if child is not None and child.text and child.text.strip():
            return " ".join(child.text.split())
    return ""


def _depth_exceeds(root: Element, limit: int) -> bool:
    level = [root]
    for _ in range(limit):
        level = [child for element in level for child in element]
        if not level:
            return False
    return True

"""OpenAPI 3.0 and 3.1, and Swagger 2.0 -> operations: which there are, and which of them an app would call.

What an operation takes and gives is read by `openapi_signature.py`, once it is wanted.
"""

from collections.abc import Iterator
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.importers.functions import Operation, Signature
from octocli.core.importers.json_values import list_in, object_in, text_in
from octocli.core.importers.notes import WHOLE_DOCUMENT, Ledger, shown
from octocli.core.importers.openapi_signature import Layout, SignatureReader
from octocli.core.importers.references import MISSING, References

_METHODS = ("get", "put", "post", "delete", "patch")
_OTHER_METHODS = ("options", "head", "trace", "query")  # of the wire, not of what a person wants


def openapi_operations(data: Any, source: str, ledger: Ledger) -> Iterator[Operation]:
    """Yield the operations of an OpenAPI document in its own order.

    Raises:
        BadInput: it is of a version that octo does not know, or has no paths.
    """
    layout = _layout(data, source)
    paths = data.get("paths")
    if not isinstance(paths, dict) or not paths:
        raise BadInput(f"{source}: paths: none in it", hint="octo makes a function of each operation of a path")
    if webhooks := object_in(data, "webhooks"):
        ledger.note("document", WHOLE_DOCUMENT, f"{len(webhooks)} webhooks: calls that the app receives")
    references = References(data)
    reader = SignatureReader(data, layout, references, ledger)
    for path, item in paths.items():
        if not path.startswith("x-"):
            yield from _path_operations(path, item, references, reader, ledger)


def _layout(data: Any, source: str) -> Layout:
    """Where this version keeps what.

    Raises:
        BadInput: octo does not know the version.
    """
    if not isinstance(data, dict):
        raise BadInput(f"{source}: top level: not an object", hint="an OpenAPI document begins with openapi: 3.1.0")
    version = str(data.get("openapi", data.get("swagger", "")))
    if version == "2" or version.startswith("2."):
        return Layout.SWAGGER_2
    if version == "3" or version.startswith("3."):
        return Layout.OPENAPI_3
    raise BadInput(
        f"{source}: openapi: version {shown(version)} is not one that octo reads", hint="it reads 3.0, 3.1 and 2.0"
    )


def _path_operations(
    path: str, raw: Any, references: References, reader: SignatureReader, ledger: Ledger
) -> Iterator[Operation]:
    item = references.resolve(raw)
    if item is MISSING or not isinstance(item, dict):
        ledger.note("operation", path, "is no path item, or a reference that leads nowhere")
        return
    for method in _OTHER_METHODS:
        if method in item:
            ledger.tally(f"{method.upper()} operations")
    for method in _METHODS:
        if method in item:
            yield _operation(path, method, item, reader)


def _operation(path: str, method: str, item: dict[str, Any], reader: SignatureReader) -> Operation:
    raw = item[method]
    place = f"{method.upper()} {path}"
    named = text_in(raw, "operationId")
    name = named or "_".join([method, *_path_words(path)])
    skipped = ""
    if not isinstance(raw, dict):
        skipped = f"{shown(raw)} is no operation"
    elif raw.get("deprecated") is True:
        skipped = "deprecated"

    def read() -> Signature:
        return reader.read(raw, item, place)

    return Operation(
        place=place,
        name=name,
        description=text_in(raw, "description", "summary") or text_in(item, "description", "summary"),
        read=read,
        labels=(path, *(tag for tag in list_in(raw, "tags") if isinstance(tag, str))),
        skipped=skipped,
    )


def _path_words(path: str) -> list[str]:
    """`/pets/{petId}/photos` -> pets, petId, photos."""
    return [word for word in path.replace("{", "/").replace("}", "/").split("/") if word]

"""Any description of an API that octo can read -> octo's own JSON, with notes of what could not be taken over.

The one door to the importers: finds the format, asks its module for operations, and answers for the result.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.importers.documents import looks_like_xml, parse_document, read_bytes
from octocli.core.importers.functions import is_wanted, make_functions, note_unwanted
from octocli.core.importers.json_values import object_in, text_in
from octocli.core.importers.notes import Ledger, Note
from octocli.core.importers.recognise import FORMATS as FORMATS
from octocli.core.importers.recognise import Format, recognise
from octocli.core.spec import Spec, parse_spec


@dataclass(frozen=True)
class Imported:
    """An API description in octo's terms.

    Attributes:
        spec_data: octo's own JSON, as `api.json` holds it.
        spec: the same, checked.
        format: the format that it was read from.
        found: how many operations the document holds.
        notes: what was not taken over as it was.
    """

    spec_data: dict[str, Any]
    spec: Spec
    format: Format
    found: int
    notes: tuple[Note, ...]


def load_any(
    source: str, *, format: str | None = None, include: Sequence[str] = (), exclude: Sequence[str] = (), app: str
) -> Imported:
    """Read a file, or a Python module by name.

    Args:
        source: a path, or a module's dotted name.
        format: one of `FORMATS`; by default it is told from the content.
        include: patterns such as `pets*`, of which an operation's name, path, place or tag must match one.
        exclude: patterns of which none may match; they win over `include`.
        app: the app's name.

    Raises:
        BadInput: it cannot be read, is in no format that octo knows, or nothing of it can be taken over.
    """
    if format is not None and format not in FORMATS:
        raise BadInput(f"--format: {format!r} is unknown", hint=f"use one of {', '.join(FORMATS)}")
    ledger = Ledger()
    with ExitStack() as stack:
        told, operations, about = _operations(source, format, ledger, stack)
        if told == "octo":
            return _octo(operations, source, include, exclude, app, ledger)
        pairs, found = make_functions(operations, ledger, include=include, exclude=exclude)
    if not pairs:
        raise _nothing_came_through(Path(source).name, found, ledger)
    functions = [data for data, _ in pairs]
    spec_data = {"app": app, "description": about, "functions": functions}
    parse_spec({"app": app, "functions": functions[:1]}, source=Path(source).name)  # the app's name, checked alone
    return Imported(spec_data, Spec(app, about, tuple(function for _, function in pairs)), told, found, ledger.notes())


def _operations(source: str, format: str | None, ledger: Ledger, stack: ExitStack) -> tuple[Format, Any, str]:
    """The format, the operations of the source (for octo's own format the document), and what it says of the whole."""
    from octocli.core.importers.python_modules import imported, is_module_name, python_operations

    named = format is None and is_module_name(source) and not _is_there(Path(source))
    if format == "python" or source.endswith(".py") or named:
        return "python", python_operations(stack.enter_context(imported(source)), source, ledger), ""
    content = read_bytes(Path(source))
    if format == "appfunctions" or (format is None and looks_like_xml(content)):
        from octocli.core.importers.appfunctions import appfunctions_operations, parse_appfunctions

        return "appfunctions", appfunctions_operations(parse_appfunctions(content, source), source, ledger), ""
    data = parse_document(content, Path(source), ledger)
    return _of_document(data, source, format, ledger)


def _of_document(data: Any, source: str, format: str | None, ledger: Ledger) -> tuple[Format, Any, str]:
    from octocli.core.importers.openapi import openapi_operations
    from octocli.core.importers.tool_lists import mcp_operations, openai_operations

    told = format or recognise(data)
    name = Path(source).name
    if told == "openapi":
        return "openapi", openapi_operations(data, name, ledger), text_in(object_in(data, "info"), "title")
    if told == "openai":
        return "openai", openai_operations(data, name, ledger), ""
    if told == "mcp":
        return "mcp", mcp_operations(data, name, ledger), ""
    if told == "octo":
        return "octo", data, ""
    raise BadInput(f"{name}: in no format that octo knows", hint=f"name it with --format: {', '.join(FORMATS)}")


def _octo(data: Any, source: str, include: Sequence[str], exclude: Sequence[str], app: str, ledger: Ledger) -> Imported:
    """Octo's own format: as it is, or every fault of it by name."""
    name = Path(source).name
    try:
        spec = parse_spec(data, source=name, app=app)
    except (RecursionError, OverflowError):
        raise BadInput(f"{name}: a schema is nested too deep, or a number in it too large") from None
    kept = tuple(function for function in spec.functions if is_wanted((function.name,), include, exclude))
    note_unwanted(len(spec.functions) - len(kept), ledger)
    if not kept:
        raise _nothing_came_through(name, len(spec.functions), ledger)
    chosen = replace(spec, functions=kept)
    return Imported(chosen.to_json(), chosen, "octo", len(spec.functions), ledger.notes())


def _nothing_came_through(source: str, found: int, ledger: Ledger) -> BadInput:
    reasons = [note for note in ledger.notes() if note.kind in ("operation", "document")]
    why = f": {reasons[-1].line()}" if reasons else ""
    return BadInput(f"{source}: none of its {found} operations can be taken over{why}")


def _is_there(path: Path) -> bool:
    try:
        return path.is_file() or (path.is_dir() and not (path / "__init__.py").is_file())
    except (OSError, ValueError):  # a name too long for a file
        return False

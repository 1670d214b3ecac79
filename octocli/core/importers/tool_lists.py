"""Lists of tools -> operations: OpenAI's (chat, responses, and the older functions) and MCP's answer to `tools/list`.

Both name each tool, describe it, and hold one JSON Schema of its arguments.
"""

from collections.abc import Iterator
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.importers.argument_objects import argument_rules, join_variants
from octocli.core.importers.functions import Operation, ParameterList, Signature, small_result
from octocli.core.importers.json_values import list_in, object_in, text_in
from octocli.core.importers.notes import WHOLE_DOCUMENT, Ledger, shown
from octocli.core.importers.references import References
from octocli.core.importers.schema_conversion import SchemaConverter

_OPENAI_KEYS = {"name", "description", "parameters", "type", "function"}
_MCP_KEYS = {"name", "title", "description", "inputSchema", "input_schema", "outputSchema", "annotations"}


def openai_operations(data: Any, source: str, ledger: Ledger) -> Iterator[Operation]:
    """Yield the functions of a tools list, of a request that holds one, or of an older functions list.

    Raises:
        BadInput: there is no such list.
    """
    tools = data if isinstance(data, list) else None
    if isinstance(data, dict):
        tools = [data] if data.get("type") == "function" else list_in(data, "tools") + list_in(data, "functions")
    if not tools:
        raise BadInput(f"{source}: top level: no list of tools", hint='OpenAI\'s is [{"type": "function", ...}]')
    for index, tool in enumerate(tools):
        yield _openai_operation(tool, f"tools[{index}]", ledger)


def _openai_operation(tool: Any, place: str, ledger: Ledger) -> Operation:
    if not isinstance(tool, dict):
        return _skipped(place, f"{shown(tool)} is no tool")
    function = tool["function"] if isinstance(tool.get("function"), dict) else tool
    kind = tool.get("type", "function")
    name = text_in(function, "name") or str(kind)
    if kind != "function":
        return _skipped(place, f"a tool of type {shown(kind)} has no parameters of its own", name)
    if not text_in(function, "name"):
        return _skipped(place, "a tool without a name")
    _tally_unknown(function, _OPENAI_KEYS, ledger)

    def read() -> Signature:
        return _signature(function.get("parameters"), None, f"{place} {name}", ledger)

    return Operation(f"{place} {name}", name, text_in(function, "description"), read)


def mcp_operations(data: Any, source: str, ledger: Ledger) -> Iterator[Operation]:
    """Yield the tools of an answer to `tools/list`, in its JSON-RPC envelope or without.

    Raises:
        BadInput: it is an error, or there is no list of tools.
    """
    if error := object_in(data, "error"):
        raise BadInput(f"{source}: the server answered with an error: {shown(text_in(error, 'message'))}")
    holder = object_in(data, "result") or data
    tools = holder if isinstance(holder, list) else list_in(holder, "tools")
    if not tools:
        raise BadInput(f"{source}: top level: no list of tools", hint="MCP's tools/list answers with one")
    if isinstance(holder, dict) and holder.get("nextCursor"):
        ledger.note("document", WHOLE_DOCUMENT, "the list goes on after this page", "the tools of this page alone")
    for index, tool in enumerate(tools):
        yield _mcp_operation(tool, f"tools[{index}]", ledger)


def _mcp_operation(tool: Any, place: str, ledger: Ledger) -> Operation:
    name = text_in(tool, "name")
    if not name:
        return _skipped(place, f"{shown(tool)} is no tool with a name")
    _tally_unknown(tool, _MCP_KEYS, ledger)
    hints = object_in(tool, "annotations")

    def read() -> Signature:
        raw = tool["inputSchema"] if "inputSchema" in tool else tool.get("input_schema")
        return _signature(raw, tool.get("outputSchema"), f"{place} {name}", ledger)

    description = text_in(tool, "description") or text_in(tool, "title") or text_in(hints, "title")
    return Operation(f"{place} {name}", name, description, read, confirm=hints.get("destructiveHint") is True)


def _signature(raw: Any, result: Any, place: str, ledger: Ledger) -> Signature:
    """A signature of a schema of all arguments, whose references lead into the schema itself."""
    parameters = ParameterList(place, ledger)
    rules: dict[str, Any] = {}
    if raw is not None:
        converter = SchemaConverter(References(raw), ledger)
        schema = join_variants(converter.arguments(raw, place), place, ledger)
        parameters.add_fields(schema)
        rules = argument_rules(schema, parameters.names, place, ledger)
    return Signature(parameters.schema(rules), _result(result, place, ledger))


def _result(raw: Any, place: str, ledger: Ledger) -> dict[str, Any] | None:
    if not isinstance(raw, dict):
        return None
    # What is lost within a result costs no call anything; that it is left out is said.
    converter = SchemaConverter(References(raw), Ledger(), for_answers=True)
    return small_result(converter.arguments(raw, place), ledger)


def _skipped(place: str, why: str, name: str = "") -> Operation:
    return Operation(place, name, "", lambda: Signature({}), skipped=why)


def _tally_unknown(tool: dict[str, Any], known: set[str], ledger: Ledger) -> None:
    for key in sorted(tool.keys() - known):
        ledger.tally(f"a tool's {shown(key)}")

"""Which format a document is in, told by its content alone. Reading it is the format's own module's work."""

from collections.abc import Iterator
from typing import Any, Literal, get_args

from octocli.core.importers.json_values import objects_of

Format = Literal["octo", "openai", "openapi", "mcp", "appfunctions", "python"]
FORMATS: tuple[Format, ...] = get_args(Format)

_MCP_KEYS = ("inputSchema", "input_schema")


def recognise(data: Any) -> Format | None:
    """The format of a JSON value, or None where it has the marks of none."""
    if isinstance(data, list):
        return _of_list(data) or "octo"
    if not isinstance(data, dict):
        return None
    if "openapi" in data or "swagger" in data:
        return "openapi"
    if "jsonrpc" in data:
        return "mcp"
    tools = next(_lists_of_tools(data), None)
    if tools is not None:
        return _of_list(tools) or "openai"
    if isinstance(data.get("functions"), list):
        # A request to a chat endpoint of the days when it had functions, not yet tools.
        return "openai" if "messages" in data else "octo"
    return "openai" if data.get("type") == "function" else None


def _lists_of_tools(data: dict[str, Any]) -> Iterator[list[Any]]:
    for holder in (data, data.get("result")):
        if isinstance(holder, dict) and isinstance(holder.get("tools"), list):
            yield holder["tools"]


def _of_list(tools: list[Any]) -> Format | None:
    for tool in objects_of(tools):
        if any(key in tool for key in _MCP_KEYS):
            return "mcp"
        if isinstance(tool.get("type"), str) and ("parameters" in tool or "function" in tool or "name" not in tool):
            return "openai"
    return None

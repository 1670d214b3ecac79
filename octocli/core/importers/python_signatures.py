"""A Python function's signature -> parameters: type hints by pydantic, words from `Annotated` and the docstring.

Finding and importing functions is `python_modules.py`'s work.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import PydanticUserError, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, to_jsonable_python

from octocli.core.importers.functions import ParameterList, Signature, small_result
from octocli.core.importers.notes import Ledger, shown
from octocli.core.importers.references import References
from octocli.core.importers.schema_conversion import SchemaConverter
from octocli.core.schemas import json_type

_NO_HINT: Any = inspect.Parameter.empty
_NO_SCHEMA: Any = object()


def read_signature(name: str, function: Callable[..., Any], words: Mapping[str, str], ledger: Ledger) -> Signature:
    """The signature of `function`.

    Args:
        name: its name, for notes.
        function: the function; it is not called.
        words: what its docstring says of each parameter.
        ledger: told of what cannot be taken over.
    """
    hints = _hints(name, function, ledger)
    parameters = ParameterList(name, ledger)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            ledger.note("parameter", f"{name}: {parameter}", "stands for any number of arguments")
        else:
            _add(parameter, hints.get(parameter.name, _NO_HINT), words.get(parameter.name, ""), parameters, ledger)
    return Signature(parameters.schema(), _result(hints.get("return", _NO_HINT), ledger))


def _hints(name: str, function: Callable[..., Any], ledger: Ledger) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # a hint is an expression of the user's; anything may come out of it
        ledger.note("parameter", name, f"its type hints cannot be read ({shown(str(error))})", "taken as any values")
        return {}


def _add(parameter: inspect.Parameter, hint: Any, words: str, parameters: ParameterList, ledger: Ledger) -> None:
    place = f"{parameters.place}: {parameter.name}"
    default = parameter.default
    if isinstance(default, FieldInfo):  # `size: int = Field(3, ge=1)`
        hint = Annotated[Any if hint is _NO_HINT else hint, default]
        default = _NO_HINT if default.is_required() else default.get_default(call_default_factory=False)
    required = default is _NO_HINT
    raw = _schema_of(hint, default, place, ledger)
    if raw is _NO_SCHEMA:
        if not required:
            ledger.note("parameter", place, f"no JSON Schema says {shown(hint)}")
            return
        ledger.note("parameter", place, f"no JSON Schema says {shown(hint)}", "taken as any value")
        raw = {}
    schema = SchemaConverter(References(raw), ledger).parameter(_without_titles(raw), place)
    if description := _annotated_words(hint) or words:
        schema["description"] = " ".join(description.split())
    schema.pop("default", None)
    if not required:
        _take_default(schema, default, place, ledger)
    parameters.add(parameter.name, schema, required=required)


def _schema_of(hint: Any, default: Any, place: str, ledger: Ledger) -> Any:
    if hint is _NO_HINT:
        kind = json_type(default) if isinstance(default, (bool, int, float, str)) else ""
        ledger.note("parameter", place, "no type hint", f"taken as {kind} from its default" if kind else "any value")
        return {"type": kind} if kind else {}
    return _json_schema(hint, "validation")


def _json_schema(hint: Any, mode: typing.Literal["validation", "serialization"]) -> Any:
    try:
        return TypeAdapter(hint).json_schema(mode=mode)
    except (PydanticUserError, PydanticSchemaGenerationError):
        return _NO_SCHEMA
    except Exception:  # pydantic runs hooks of the user's classes; anything may come out of them
        return _NO_SCHEMA


def _take_default(schema: dict[str, Any], default: Any, place: str, ledger: Ledger) -> None:
    try:
        schema["default"] = to_jsonable_python(default)
    except (PydanticSerializationError, ValueError, TypeError, RecursionError):
        ledger.note("schema", place, f"default {shown(default)} is no JSON value")


def _annotated_words(hint: Any) -> str:
    """The words in `Annotated[int, "how many"]`, or of a `Field` or `Doc` there."""
    for part in get_args(hint)[1:] if get_origin(hint) is Annotated else ():
        for text in (part, getattr(part, "description", None), getattr(part, "documentation", None)):
            if isinstance(text, str):
                return text
    return ""


def _result(hint: Any, ledger: Ledger) -> dict[str, Any] | None:
    if any(hint is nothing for nothing in (_NO_HINT, None, type(None), Any)):
        return None
    raw = _json_schema(hint, "serialization")
    if not isinstance(raw, dict):
        return None
    converter = SchemaConverter(References(raw), Ledger(), for_answers=True)
    return small_result(converter.arguments(_without_titles(raw), "return"), ledger)


def _without_titles(raw: Any) -> Any:
    """The schema without the titles that pydantic makes of names."""
    if isinstance(raw, dict):
        return {
            key: {name: _without_titles(inner) for name, inner in value.items()}
            if key in ("properties", "$defs")
            else _without_titles(value)
            for key, value in raw.items()
            if not (key == "title" and isinstance(value, str))
        }
    return [_without_titles(inner) for inner in raw] if isinstance(raw, list) else raw

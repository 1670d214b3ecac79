"""What every prompt tells of an app and its functions, and how the list in a reply's JSON is read.

What is asked for is `wording.py`'s and `judging.py`'s.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from octocli.core.samples import Sample
from octocli.core.spec import Function, Spec
from octocli.teachers.completions import Reply


class Unusable(Exception):
    """A reply of which nothing can be taken; its text says why."""


def app_line(spec: Spec) -> str:
    """The app in a line."""
    return f"The app: {spec.app}. {spec.description}".strip()


def full_text(function: Function) -> str:
    """A function with its parameters, a line each."""
    lines = [f"{function.name}: {function.description}"]
    for parameter in function.params:
        schema = {k: v for k, v in parameter.schema.items() if k != "description"}
        told = parameter.schema.get("description", "")
        lines.append(f"  {parameter.name} {json.dumps(schema, ensure_ascii=False)} {told}".rstrip())
    return "\n".join(lines)


def called(samples: Iterable[Sample], spec: Spec) -> list[Function]:
    """The functions that the samples call, nested calls too, each once."""
    names = dict.fromkeys(name for sample in samples for call in sample.calls for name in _names(call))
    return [spec.by_name[name] for name in names if name in spec.by_name]


def _names(call: Any) -> Iterator[str]:
    if isinstance(call, Mapping) and isinstance(call.get("name"), str):
        yield call["name"]
        arguments = call.get("arguments")
        for value in arguments.values() if isinstance(arguments, Mapping) else ():
            yield from _names(value)


def shown(sample: Sample) -> str:
    """A sample's calls as a prompt shows them: one call, or a list of several."""
    calls: Any = list(sample.calls) if len(sample.calls) > 1 else sample.calls[0]
    return json.dumps(calls, ensure_ascii=False)


def list_schema(key: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of an object that holds one list of such items, all their fields required."""
    entry = {"type": "object", "properties": item, "required": list(item), "additionalProperties": False}
    return {
        "type": "object",
        "properties": {key: {"type": "array", "items": entry}},
        "required": [key],
        "additionalProperties": False,
    }


def items_of(reply: Reply, key: str) -> Sequence[Any]:
    """The list in a reply's JSON, its `key` or the JSON itself; where it was cut off, the items that are whole.

    Raises:
        Unusable: the reply was blocked.
    """
    if reply.finish == "blocked":
        raise Unusable("blocked by the provider")
    text = reply.text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return _whole_items(text)
    found = data.get(key) if isinstance(data, dict) else data
    return found if isinstance(found, list) else ()


def number_of(item: Any) -> int | None:
    """The number `n` of an item; None where it has none."""
    number = item.get("n") if isinstance(item, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _whole_items(text: str) -> list[Any]:
    """The objects after the first `[` that could be read before the text ends."""
    decoder, items = json.JSONDecoder(), []
    place = text.find("[") + 1
    while place > 0 and (start := text.find("{", place)) >= 0:
        try:
            item, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            break
        items.append(item)
    return items

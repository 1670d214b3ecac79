"""Which arguments are copied from the query, and what the query offers to be copied.

A small model spells badly. Where every training row has an argument's text in its query, the decoding grammar lets only
the query's own words stand there. Learns that from samples; the grammar itself is the job of `runtime/grammar.py`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from octocli.core.calls import argument_pointer, is_default, is_nested
from octocli.core.kinds import has_resolver
from octocli.core.samples import Sample
from octocli.core.schemas import types_of
from octocli.core.spec import Parameter, Spec

# Scripts that put no space between words: there every sign may end a value.
_SIGNS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_CHUNK = re.compile(rf"[{_SIGNS}]|[^\W{_SIGNS}]+|\s+|[^\w\s]")
_LONGEST_SPAN = 24
# Rules that take more than the query's words to obey: there the schema's own grammar stands.
_RULES = frozenset({"enum", "const", "format", "pattern", "anyOf", "oneOf", "allOf", "$ref"})


def chunks(text: str) -> list[str]:
    """Words, spaces and signs in order; joined they are the text. A value begins and ends at their borders."""
    return _CHUNK.findall(text)


def stands_in(words: str, query: str) -> bool:
    """Whether the query has these very words, letter case included, from border to border."""
    wanted, offered = chunks(words), chunks(query)
    size = len(wanted)
    return bool(words) and any(offered[i : i + size] == wanted for i in range(len(offered) - size + 1))


def spans(query: str) -> Iterator[str]:
    """Yield every distinct stretch of the query that begins and ends with no space, short ones first."""
    parts = chunks(query)
    seen: set[str] = set()
    for size in range(1, min(len(parts), _LONGEST_SPAN) + 1):
        for start in range(len(parts) - size + 1):
            if parts[start].isspace() or parts[start + size - 1].isspace():
                continue
            span = "".join(parts[start : start + size])
            if span not in seen:
                seen.add(span)
                yield span


def is_free_text(parameter: Parameter) -> bool:
    """Whether any text of a fitting length is a value."""
    return types_of(parameter.schema) == ("string",) and not _RULES & set(parameter.schema)


def copied_parameters(samples: Iterable[Sample], spec: Spec) -> dict[str, tuple[str, ...]]:
    """Parameters whose text is copied in every sample that gives one, by function.

    Text is what the target carries as a string: the user's words where a resolver makes the value, else the value of a
    parameter of free text.
    """
    texts: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for sample in samples:
        for index, call in enumerate(sample.calls):
            for function, name, text in _texts(call, f"/{index}", sample.said, spec):
                texts[function, name].append(stands_in(text, sample.query))
    copied = {key for key, found in texts.items() if all(found)}
    names = {f.name: tuple(p.name for p in f.params if (f.name, p.name) in copied) for f in spec.functions}
    return {function: some for function, some in names.items() if some}


def _texts(
    call: Mapping[str, Any], pointer: str, said: Mapping[str, str], spec: Spec
) -> Iterator[tuple[str, str, str]]:
    """Yield (function, parameter, text) for every string in a call's target, nested calls walked into."""
    function = spec.by_name[call["name"]]
    for name, value in call.get("arguments", {}).items():
        here = argument_pointer(pointer, name)
        parameter = function.param(name)
        if is_nested(value, spec, function, name):
            yield from _texts(value, here, said, spec)
        elif parameter is None or is_default(value, parameter.schema):
            continue
        elif has_resolver(name, parameter.schema) and here in said:
            yield function.name, name, said[here]
        elif isinstance(value, str) and (has_resolver(name, parameter.schema) or is_free_text(parameter)):
            yield function.name, name, value

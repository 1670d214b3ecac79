"""Names that `spec.py` accepts, made of names that it would not; and words made of names."""

import re
from collections.abc import Container

from octocli.core.identifiers import spaced

_FUNCTION = re.compile(r"[A-Za-z_][\w.\-/]{0,63}")
_PARAMETER = re.compile(r"[\w.\-$\[\]@]{1,64}")
_LONGEST = 64


def function_name(text: str) -> str:
    """`text` as a function's name: unchanged where it is one."""
    if _FUNCTION.fullmatch(text):
        return text
    made = re.sub(r"[^\w.\-/]+", "_", text).strip("_./-")
    made = re.sub(r"_{2,}", "_", made)
    if not re.match(r"[A-Za-z_]", made):
        made = f"f_{made}"
    return made[:_LONGEST].rstrip("_./-") or "f"


def parameter_name(text: str) -> str:
    """`text` as a parameter's name: unchanged where it is one."""
    if _PARAMETER.fullmatch(text):
        return text
    made = re.sub(r"[^\w.\-$\[\]@]+", "_", text).strip("_")
    return made[:_LONGEST] or "value"


def free_name(wanted: str, taken: Container[str], suffix: str = "") -> str:
    """`wanted`, or, where it is taken, `wanted` with a suffix or a number behind it."""
    candidates = [wanted, *([_with_ending(wanted, f"_{suffix}")] if suffix else [])]
    for candidate in candidates:
        if candidate not in taken:
            return candidate
    number = 2
    while (candidate := _with_ending(candidates[-1], f"_{number}")) in taken:
        number += 1
    return candidate


def _with_ending(name: str, ending: str) -> str:
    return f"{name[: _LONGEST - len(ending)]}{ending}"


def sentence_of(name: str) -> str:
    """A name as words: `getPets_by-id` -> "Get pets by id"."""
    words = re.sub(r"[\W_]+", " ", spaced(name)).split()
    lowered = [word if len(word) > 1 and word.isupper() else word.lower() for word in words]
    text = " ".join(lowered) or name
    return text[:1].upper() + text[1:]

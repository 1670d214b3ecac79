"""Texts of a spec as data in source code: string literals and comments that nothing can break out of.

Descriptions and enum values are whatever a team wrote, or somebody wrote for them. Each language says how it escapes;
which characters may stand as they are is decided here, once: only such as a reader sees and no compiler acts upon.
"""

import json
import math
import re
import textwrap
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

_WIDTH = 108
_SHOWN = 60


def quoted(text: str, special: Mapping[str, str], numeric: Callable[[int], str]) -> str:
    """A string literal in double quotes.

    Args:
        text: any text.
        special: how the language writes the characters that mean something inside a literal.
        numeric: how it writes any other character by its number.
    """
    return f'"{escaped(text, special, numeric)}"'


def escaped(text: str, special: Mapping[str, str], numeric: Callable[[int], str]) -> str:
    """What stands between the quotes of such a literal."""
    return "".join(
        special.get(c) or (c if _is_plain(c, first=index == 0) else numeric(ord(c))) for index, c in enumerate(text)
    )


def _is_plain(c: str, *, first: bool) -> bool:
    # A combining mark behind the opening quote would be drawn into it.
    return c.isprintable() and not (first and unicodedata.category(c).startswith("M"))


def utf16(number: int) -> str:
    r"""A character as `\uXXXX`, twice beyond the first plane: the way of TypeScript and Kotlin."""
    if number < 0x10000:
        return f"\\u{number:04x}"
    return "".join(f"\\u{unit:04x}" for unit in (0xD7C0 + (number >> 10), 0xDC00 + (number & 0x3FF)))


def has_surrogates(text: str) -> bool:
    """Whether the text holds half characters, which JSON can write and UTF-8 cannot."""
    return any("\ud800" <= c <= "\udfff" for c in text)


def one_line(text: str) -> str:
    """A text on one line, with what a reader cannot see written out."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else f"<U+{ord(c):04X}>" for c in line)


def comment(text: str) -> str:
    """A text on one line that closes and opens no comment and gives no order to a tool."""
    line = one_line(text).replace("*/", "* /").replace("/*", "/ *")
    return re.sub(r"(?<!\S)@", r"\\@", line)


def comment_lines(text: str, indent: str = "", first: str = "", rest: str = "") -> list[str]:
    """A text as lines of a comment, wrapped; `first` and `rest` open the lines."""
    lines = textwrap.wrap(comment(text), _WIDTH - len(indent), break_long_words=False, break_on_hyphens=False)
    return [f"{indent}{rest if index else first}{line}" for index, line in enumerate(lines)]


def shown(value: Any) -> str:
    """A JSON value for a comment, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def number(value: int | float, infinite: str, undefined: str) -> str:
    """A number literal; `infinite` and `undefined` are the language's words for what has none."""
    if isinstance(value, float) and math.isnan(value):
        return undefined
    if isinstance(value, float) and math.isinf(value):
        return infinite if value > 0 else f"-{infinite}"
    return repr(value)


def real(value: int | float) -> float:
    """A number in floating point; infinite where it is too large for that."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def indented(lines: list[str], by: int) -> list[str]:
    """The lines, each moved to the right; empty ones stay empty."""
    return [f"{' ' * by}{line}" if line else line for line in lines]


def wrapped(opening: str, items: list[str], closing: str, *, trailing: str = ",") -> list[str]:
    """A list on one line, or, where that would be long, on as many as it needs, `trailing` behind the last item."""
    line = f"{opening}{', '.join(items)}{closing}"
    if len(line) <= _WIDTH:
        return [line]
    rows = [""]
    for item in items:
        if rows[-1] and len(rows[-1]) + len(item) > _WIDTH:
            rows.append("")
        rows[-1] += f" {item}," if rows[-1] else f"{item},"
    rows[-1] = rows[-1][:-1] + trailing
    return [opening, *indented(rows, 4), closing]

r"""A pattern as octo reads it, which is Python's way, written so that other languages match the same texts.

JavaScript (flag u), Java and ICU agree on a common ground: `\p{L}`, `[^\n]`, escapes of syntax characters. What
cannot be said on it surely gives None.
"""

import re

_WORD = r"\p{L}\p{N}_"
# What Python calls white space; Java's is ASCII alone, JavaScript's has one sign more and four less.
_SPACE = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_OUTSIDE = {
    r"\w": f"[{_WORD}]", r"\W": f"[^{_WORD}]", r"\d": r"\p{Nd}", r"\D": r"\P{Nd}",
    r"\s": f"[{_SPACE}]", r"\S": f"[^{_SPACE}]", "$": r"(?:(?=\n?(?![^\n]|\n)))",
    r"\b": f"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))", r"\a": r"\x07", r"\0": r"\x00",
    ".": r"[^\n]", "]": r"\]", "{": r"\{", "}": r"\}",
}  # fmt: skip
_INSIDE = {r"\w": _WORD, r"\d": r"\p{Nd}", r"\D": r"\P{Nd}", r"\s": _SPACE, r"\b": r"\x08",
           r"\a": r"\x07", r"\0": r"\x00", "[": r"\["}  # fmt: skip
_SETS = (_WORD, r"\p{Nd}", r"\P{Nd}", _SPACE)
_SYNTAX = set(r"\^$.*+?()[]{}|/")
_ESCAPE = r"\\x[0-9a-fA-F]{2} | \\u[0-9a-fA-F]{4} | \\[nrtfv]"
_OTHER_ESCAPE = r"\\[1-9](?![0-9]) | \\[a-zA-Z0](?![0-9]) | \\[^a-zA-Z0-9]"
_OUTSIDE_TOKEN = re.compile(
    rf"""
    (?P<escape> {_ESCAPE} )
    | (?P<other> {_OTHER_ESCAPE} )
    | (?P<name> \(\?P<\w+> )
    | (?P<group> \(\?:|\(\?=|\(\?!|\(\?<=|\(\?<!|\((?!\?) )
    | (?P<quantifier> (?: [*+?] | \{{\d+(?:,\d*)?\}} | \{{,\d+\}} ) \?? (?!\+) )
    | (?P<plain> (?! \{{ (?:\d+(?:,\d*)?|,\d+) \}}\+ ) [^\\(*+?] )
    """,
    re.VERBOSE | re.DOTALL,
)
_INSIDE_TOKEN = re.compile(
    rf"(?P<escape> {_ESCAPE} ) | (?P<other> {_OTHER_ESCAPE} ) | (?P<plain> [^\\] )", re.VERBOSE | re.DOTALL
)


def portable_pattern(pattern: str) -> str | None:
    """The pattern for JavaScript, Java and ICU alike, or None."""
    written, place = "", 0
    while place < len(pattern):
        read = _set(pattern, place) if pattern[place] == "[" else _token(pattern, place)
        if read is None:
            return None
        written, place = written + read[0], read[1]
    return written


def _token(pattern: str, place: int) -> tuple[str, int] | None:
    """The token at a place outside of character sets, written anew, and where it ends."""
    token = _OUTSIDE_TOKEN.match(pattern, place)
    if token is None:  # a possessive quantifier, or a group that others do not know
        return None
    text: str | None = token[0]
    if token.lastgroup == "name":
        text = "("
    elif token.lastgroup == "quantifier":
        text = token[0].replace("{,", "{0,")
    elif token.lastgroup == "other":
        text = _escaped(token[0], _OUTSIDE)
    elif token.lastgroup == "plain":
        text = _OUTSIDE.get(token[0], token[0])
    return None if text is None else (text, token.end())


def _set(pattern: str, place: int) -> tuple[str, int] | None:
    """The character set that opens at a place, written anew, and where it ends."""
    opening = "[^" if pattern.startswith("[^", place) else "["
    written, place = [opening], place + len(opening)
    while token := _INSIDE_TOKEN.match(pattern, place):
        text = _member(token, written)
        # A bracket at the front, and two signs in a row, mean something else in each language.
        if text is None or (text in "&-~|" and written[-1] == text):
            return None
        written.append(text)
        place = token.end()
        if text == "]":
            return "".join(written), place
    return None


def _member(token: re.Match[str], written: list[str]) -> str | None:
    text = token[0]
    if text == "]":
        return text if len(written) > 1 else None
    if text == "-" and written[-1] in _SETS:
        return r"\-"
    if token.lastgroup == "other":
        return None if text[1] in "123456789" else _escaped(text, _INSIDE)
    return _INSIDE.get(text, text)


def _escaped(text: str, known: dict[str, str]) -> str | None:
    if text in known:
        return known[text]
    if text[1].isdigit():
        return text
    if text[1].isalpha():
        return None
    # With flag u, JavaScript lets only its syntax be escaped, and the dash inside a class.
    return text if text[1] in _SYNTAX or (text == r"\-" and known is _INSIDE) else text[1]

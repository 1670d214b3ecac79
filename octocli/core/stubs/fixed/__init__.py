"""The part of a stub that no spec changes: for each language the whole stub of an API without functions.

Each file can be read, compiled and checked as it stands. An API's own parts replace what is between the marks
`octo: begin PART` and `octo: end PART`; what they say is the language modules' business.
"""

from collections.abc import Mapping
from pathlib import Path

HEADER = "header"


def filled(file: str, comment: str, parts: Mapping[str, str]) -> str:
    """The text of `file` with each marked part exchanged; `HEADER` is all that stands before its end mark.

    Args:
        file: name of a file beside this module.
        comment: what opens a comment in its language.
        parts: the new text by the name of the part.

    Raises:
        ValueError: a part that the file does not mark.
    """
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    places = {name: _between(text, comment, name) for name in parts}
    written, place = [], 0
    # All places are found before a spec's own words come in, which may look like a mark.
    for name in sorted(parts, key=lambda name: places[name]):
        start, end = places[name]
        written += [text[place:start], parts[name]]
        place = end
    return "".join([*written, text[place:]])


def _between(text: str, comment: str, name: str) -> tuple[int, int]:
    """Where a part with its marks begins and ends."""
    opening, closing = f"{comment} octo: begin {name}\n", f"{comment} octo: end {name}\n"
    return (0 if name == HEADER else text.index(opening)), text.index(closing) + len(closing)

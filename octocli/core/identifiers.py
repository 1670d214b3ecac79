"""Identifiers as people would read them: where one word ends and the next begins. Their meaning is not its business."""

import re

_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def spaced(name: str) -> str:
    """A name in camel case with a space between its words: `getHTMLPage` is `get HTML Page`."""
    return _BORDER.sub(" ", name)

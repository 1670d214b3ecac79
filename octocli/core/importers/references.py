"""Where a `$ref` leads: into the document itself, nowhere, or outside, where octo does not go."""

from typing import Any
from urllib.parse import unquote

MISSING: Any = object()


class References:
    """The targets of one document, by JSON pointer."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._found: dict[str, Any] = {}

    def find(self, reference: str) -> Any:
        """What `#/a/b` points to, or `MISSING`."""
        if reference not in self._found:
            self._found[reference] = self._walk(reference)
        return self._found[reference]

    @staticmethod
    def is_local(reference: str) -> bool:
        """Whether it points into the document that it stands in."""
        return reference.startswith("#")

    def _walk(self, reference: str) -> Any:
        if not (reference == "#" or reference.startswith("#/")):
            return MISSING
        found = self._document
        for step in reference.split("/")[1:]:
            found = _step(found, unquote(step).replace("~1", "/").replace("~0", "~"))
            if found is MISSING:
                return MISSING
        return found

    def resolve(self, value: Any) -> Any:
        """The object behind a chain of references, such as a shared parameter; `MISSING` where the chain breaks."""
        seen: set[str] = set()
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            reference = value["$ref"]
            if reference in seen:
                return MISSING
            seen.add(reference)
            value = self.find(reference)
        return value


def _step(holder: Any, key: str) -> Any:
    if isinstance(holder, dict):
        return holder.get(key, MISSING)
    if isinstance(holder, list) and key.isascii() and key.isdigit() and len(key) < 10 and int(key) < len(holder):
        return holder[int(key)]
    return MISSING

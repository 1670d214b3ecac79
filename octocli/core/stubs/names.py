"""Names of a spec as identifiers of a language: only safe characters, no reserved word, no two alike.

A spec's names may hold dots, dashes, any script's letters. Which words a language reserves is its module's business.
"""

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import pairwise

Form = Callable[[str], str]

# What Python, TypeScript, Kotlin and Swift all take inside an identifier.
_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd"})
_NAMELESS = "value"


def kept(name: str) -> str:
    """The name as it is, what no identifier may hold written as `_`, and `_` at the front once at most."""
    plain = _plain(name)
    return ("_" if plain.startswith("_") else "") + plain.lstrip("_")


def camel(name: str) -> str:
    """`set_lamp` and `SetLamp` as `setLamp`."""
    first, *rest = list(_words(name)) or [""]
    return _plain(first.lower() + "".join(word.capitalize() for word in rest))


def pascal(name: str) -> str:
    """`set_lamp` as `SetLamp`."""
    return _plain("".join(word.capitalize() for word in _words(name)))


def upper(name: str) -> str:
    """`set lamp` as `SET_LAMP`."""
    return _plain("_".join(_words(name)).upper())


def identifier(name: str, form: Form, reserved: Collection[str] = ()) -> str:
    """The name in that form; a word that the language keeps for itself gets a `_` behind it."""
    made = form(name)
    if not any(c.isalnum() for c in made):
        made = form(_NAMELESS)
    if unicodedata.category(made[0]) == "Nd":
        made = f"_{made}"
    return f"{made}_" if made in reserved else made


class Scope:
    """The identifiers of one scope, no two alike.

    Args:
        reserved: words that the language keeps for itself.
        key: what makes two identifiers alike, `str.casefold` where letter case is not enough.
    """

    def __init__(self, reserved: Collection[str] = (), key: Callable[[str], str] = str) -> None:
        self.reserved = reserved
        self._key = key
        self._taken: set[str] = set()

    def take(self, wanted: str, gap: str = "") -> str:
        """`wanted`, or, where that is taken, the same with a number behind it."""
        candidate, number = wanted, 1
        while self._key(candidate) in self._taken or candidate in self.reserved:
            number += 1
            candidate = f"{wanted}{gap}{number}"
        self._taken.add(self._key(candidate))
        return candidate


def identifiers(names: Iterable[str], form: Form, reserved: Collection[str] = ()) -> dict[str, str]:
    """An identifier for each name of one scope: one that needs no change is kept, of others alike each gets a number.

    Args:
        names: the names in a lasting order.
        form: how the language writes such a name.
        reserved: words that it keeps for itself.
    """
    made = {name: identifier(name, form, reserved) for name in names}
    scope = Scope(reserved)
    gap = "_" if form in (kept, upper) else ""
    free = {name: scope.take(made[name], gap) for name in sorted(made, key=lambda n: made[n] != n)}
    return {name: free[name] for name in made}


def _plain(text: str) -> str:
    normal = unicodedata.normalize("NFKC", text)
    return "".join(c if c == "_" or _is_in_identifiers(c) else "_" for c in normal)


def _is_in_identifiers(c: str) -> bool:
    return c <= "\uffff" and unicodedata.category(c) in _CATEGORIES and f"a{c}".isidentifier()


def _words(name: str) -> Iterator[str]:
    """Yield the words of a name: cut at what is no letter or digit, and where upper case begins or a run of it ends."""
    for part in _plain(name).split("_"):
        start = 0
        for index, (before, c) in enumerate(pairwise(part), start=1):
            after = part[index + 1 : index + 2]
            if c.isupper() and (not before.isupper() or after.islower()):
                yield part[start:index]
                start = index
        if part:
            yield part[start:]

"""A text that a regular expression matches. Knows what API specs use; the schema has the last word."""

import random
import re
from importlib import import_module
from typing import Any

parser: Any = import_module("re._parser")
constants: Any = import_module("re._constants")
_SPOKEN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

_CATEGORIES = {
    "CATEGORY_DIGIT": list("0123456789"),
    "CATEGORY_WORD": list(_SPOKEN),
    "CATEGORY_NOT_SPACE": list(_SPOKEN),
    "CATEGORY_NOT_DIGIT": list(_SPOKEN[:52]),
    "CATEGORY_NOT_WORD": ["-", ".", "/"],
}


def from_pattern(pattern: str, rng: random.Random) -> str | None:
    """A text for `pattern`, or None where it uses what this module does not know."""
    try:
        return "".join(_one(op, argument, rng) for op, argument in parser.parse(pattern))
    except (re.error, KeyError, IndexError, RecursionError):
        return None


def _one(op: Any, argument: Any, rng: random.Random) -> str:
    if op is constants.LITERAL:
        return chr(argument)
    if op is constants.ANY:
        return rng.choice(_SPOKEN[:26])
    if op in (constants.AT, constants.ASSERT, constants.ASSERT_NOT):  # the schema sees whether it holds
        return ""
    if op is constants.NOT_LITERAL:
        return rng.choice(_SPOKEN.replace(chr(argument), ""))
    if op is constants.IN:
        return rng.choice(_members(argument))
    if op in (constants.MAX_REPEAT, constants.MIN_REPEAT):
        low, high, inner = argument
        count = rng.randint(low, min(int(high), low + rng.choice((1, 3, 6))))
        return "".join(_one(o, a, rng) for _ in range(count) for o, a in inner)
    if op is constants.SUBPATTERN:
        return "".join(_one(o, a, rng) for o, a in argument[3])
    if op is constants.BRANCH:
        return "".join(_one(o, a, rng) for o, a in rng.choice(argument[1]))
    raise KeyError(op)


def _members(parts: Any) -> list[str]:
    found: list[str] = []
    negated = False
    for op, argument in parts:
        if op is constants.NEGATE:
            negated = True
        elif op is constants.LITERAL:
            found.append(chr(argument))
        elif op is constants.RANGE:
            found += [chr(c) for c in range(argument[0], argument[1] + 1)]
        elif op is constants.CATEGORY:
            found += _CATEGORIES.get(str(argument), [" "])
    return [c for c in _SPOKEN if c not in found] if negated else found

"""How close a text comes to what the spec does: its verbs with its nouns, or its tell-tale words.

Guards the negatives. Rather too careful: a negative lost costs nothing, a request labelled as none costs a lot.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from octocli.teachers.builtin.phrasing import Phrasing
from octocli.teachers.builtin.roles import words_of
from octocli.teachers.builtin.surfaces import enum_words, implied

_COMMON = frozenset(
    "a an the my your his her our this that it to of in on at for from with by and or i you me we is are was be do does "
    "can could would what how who when where why which some any new now please want need like get got give make have "
    "has there one up down off out about into will go so not no if all more most time day level state status name "
    "type mode number id code info data set show tell take put check find let look see here home house something "
    "someone anything good best much many long is's left right first last next way day order".split()
)
_OPEN = frozenset({"play", "search", "navigate", "translate", "call", "text", "send"})
# Words of the classes whose functions answer anything at all.
_ANSWERS = frozenset({"web", "internet", "google", "wikipedia", "question", "knowledge", "answer", "ask", "chat"})


@dataclass(frozen=True)
class _Reach:
    verbs: frozenset[str]
    nouns: frozenset[str]
    asks: bool
    open: bool


class Nearness:
    """What the functions of one spec reach."""

    def __init__(self, phrasings: Iterable[Phrasing]) -> None:
        self._reaches = [_reach(p) for p in phrasings]

    def serves(self, text: str) -> bool:
        """Whether some function may well be meant by `text`."""
        words = _stems(text)
        return any(self._hit(reach, words) for reach in self._reaches)

    def serves_any(self, texts: Iterable[str]) -> bool:
        """Whether some function may be meant by one of `texts`."""
        return any(self.serves(text) for text in texts)

    def acts(self, text: str) -> bool:
        """Whether a command's own verb is one that a function has for one of the nouns in it."""
        verb, words = _stem(text.split()[0]), _stems(text)
        return any(verb in r.verbs and (words & r.nouns or r.open) for r in self._reaches)

    def knows(self, noun: str) -> bool:
        """Whether the spec has anything of that name."""
        return any(_stems(noun) & r.nouns for r in self._reaches)

    def things(self, phrasing: Phrasing) -> list[str]:
        """Nouns of a function whose name has none: its listed values, or its object's name."""
        thing = phrasing.object
        if thing is None:
            return []
        listed = [enum_words(v)[0] for v in thing.schema.get("enum", ()) if isinstance(v, str)]
        return listed or [" ".join(words_of(thing.name))]

    def _hit(self, reach: _Reach, words: frozenset[str]) -> bool:
        nouns, verbs = len(words & reach.nouns), len(words & reach.verbs)
        if reach.open and verbs:
            return True
        return nouns >= 2 or (nouns == 1 and (verbs > 0 or reach.asks))


def _reach(phrasing: Phrasing) -> _Reach:
    function = phrasing.function
    nouns: set[str] = set()
    for text in (*phrasing.nouns, *phrasing.name.nouns, *function.aliases):
        nouns |= _stems(text)
    for head in phrasing.heads:
        if head.source == "construct":
            nouns |= _stems(re.sub(r"\{[^{}]*\}", " ", head.text))
    for parameter in function.params:
        role = phrasing.roles[parameter.name]
        if parameter is phrasing.object or role.modifier:
            nouns |= _stems(" ".join(words_of(parameter.name)))
            for value in parameter.schema.get("enum", ()):
                nouns |= _stems(" ".join(enum_words(value)))
    spoken = [s.split()[0] for s in phrasing.name.says]
    for parameter in phrasing.states:
        values = [True, False] if parameter.kind == "boolean" else parameter.schema.get("enum", ())
        spoken += [w.split()[0] for v in values for w in implied(v, parameter.name, parameter.schema)]
    verbs = {_stem(v) for v in (*spoken, *phrasing.name.verb.split(), *(a.split()[0] for a in function.aliases))}
    answers = bool(set(words_of(function.name)) & _ANSWERS)
    wide = answers or (phrasing.name.group["class"] in _OPEN and phrasing.object is not None and not phrasing.nouns)
    return _Reach(
        frozenset(verbs), frozenset(nouns - verbs | _stems(" ".join(phrasing.name.nouns))), phrasing.name.asks, wide
    )


def _stems(text: str) -> frozenset[str]:
    return frozenset(_stem(w) for w in re.findall(r"[a-z]+", text.lower()) if w not in _COMMON and len(w) > 1)


def _stem(word: str) -> str:
    word = word.lower()
    for ending in ("ing", "ies", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word.removesuffix("e") if len(word) > 4 else word

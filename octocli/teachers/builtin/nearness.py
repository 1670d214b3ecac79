"""How close a text comes to what the spec does: its verbs with its nouns, or its tell-tale words.

Guards the negatives. Rather too careful: a negative lost costs nothing, a request labelled as none costs a lot.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from octocli.teachers.builtin.language import Language
from octocli.teachers.builtin.phrasing import Phrasing
from octocli.teachers.builtin.roles import words_of
from octocli.teachers.builtin.surfaces import enum_words, implied

# Verbs by which something that is there is changed or done away with, or may be.
_MUTABLE = frozenset({"remove", "cancel", "stop", "close", "set", "turn_off", "toggle", "unlock", "disarm", "other"})
_OPEN = frozenset({"play", "search", "navigate", "translate", "call", "text", "send"})


@dataclass(frozen=True)
class _Reach:
    verbs: frozenset[str]
    nouns: frozenset[str]
    signals: frozenset[str]
    openers: frozenset[str]
    leads: tuple[str, ...]
    asks: bool
    mutable: bool


class Nearness:
    """What the functions of one spec reach.

    Args:
        phrasings: what is known about asking for each.
        language: the language that they are asked for in.
    """

    def __init__(self, phrasings: Iterable[Phrasing], language: Language) -> None:
        self._language = language
        self._reaches = [_reach(p, language) for p in phrasings]

    def serves(self, text: str) -> bool:
        """Whether some function may well be meant by `text`."""
        every = frozenset(map(self._language.stem, self._language.tokens(text)))
        words, spaced = _stems(text, self._language), f" {' '.join(text.lower().lstrip('?').split())} "
        return any(_hit(r, every, words) or any(lead in spaced for lead in r.leads) for r in self._reaches)

    def acts(self, text: str) -> bool:
        """Whether a command's own verb is one that a function has for one of the nouns in it."""
        verb = self._language.stem(self._language.leading_verbs([text])[0])
        words = _stems(text, self._language)
        return any(verb in r.verbs and (words & r.nouns or verb in r.openers) for r in self._reaches)

    def changes(self, text: str) -> bool:
        """Whether some function may change or undo one of the nouns in a text, in whatever words."""
        words = _stems(text, self._language)
        return any(reach.mutable and words & reach.nouns for reach in self._reaches)

    def knows(self, noun: str) -> bool:
        """Whether the spec has anything of that name."""
        return any(_stems(noun, self._language) & r.nouns for r in self._reaches)

    def things(self, phrasing: Phrasing) -> list[str]:
        """Nouns of a function whose name has none: its listed values, or its object's name."""
        thing = phrasing.object
        if thing is None:
            return []
        listed = [
            enum_words(v, thing.schema, self._language)[0] for v in thing.schema.get("enum", ()) if isinstance(v, str)
        ]
        return listed or [" ".join(words_of(thing.name))]


def _hit(reach: _Reach, every: frozenset[str], words: frozenset[str]) -> bool:
    if every & reach.openers:
        return True
    nouns, verbs = len(words & reach.nouns), len(every & reach.verbs)
    return (nouns > 0 and (verbs > 0 or reach.asks)) or nouns + len(words & reach.signals) >= 2


def _reach(phrasing: Phrasing, language: Language) -> _Reach:
    function, stem, tables = phrasing.function, language.stem, language.words.tables
    nouns: set[str] = set()
    aliases = [" ".join(a.split()[1:]) for a in function.aliases]
    for text in (*phrasing.nouns, *phrasing.name.nouns, *aliases):
        nouns |= _stems(text, language)
    signals: set[str] = set()
    leads: set[str] = set()
    openers: set[str] = set()
    for head in phrasing.heads:
        if head.source == "construct":
            signals |= _stems(re.sub(r"\{[^{}]*\}", " ", head.text), language)
            lead = head.text.partition("{")[0].strip()
            if len(lead.split()) >= 3:
                leads.add(f" {lead} ")
            if (match := re.match(r"(\w+) \{", head.text)) and match[1] in tables["openers"]:
                openers.add(stem(match[1]))
    for parameter in function.params:
        role = phrasing.roles[parameter.name]
        if parameter is phrasing.object or role.modifier:
            nouns |= _stems(" ".join(words_of(parameter.name)), language)
            for value in parameter.schema.get("enum", ()):
                nouns |= _stems(" ".join(enum_words(value, parameter.schema, language)), language)
    spoken = list(phrasing.name.says)
    for parameter in phrasing.states:
        values = [True, False] if parameter.kind == "boolean" else parameter.schema.get("enum", ())
        spoken += [w for v in values for w in implied(v, parameter.name, parameter.schema, language)]
    verbs = {stem(v) for v in language.leading_verbs([*spoken, phrasing.name.verb, *function.aliases])}
    thing = phrasing.object
    free = thing is not None and thing.kind != "enum"
    if set(words_of(function.name)) & set(tables["answers"]) or (
        free and phrasing.name.group["class"] in _OPEN and not phrasing.nouns
    ):
        openers |= {v for v in verbs if v not in language.words.common and v not in tables["loose"]}
    if free and phrasing.name.group["class"] in ("translate", "call", "navigate"):
        openers |= _stems(phrasing.name.verb, language)
    return _Reach(
        frozenset(verbs),
        frozenset(nouns),
        frozenset(signals - nouns),
        frozenset(openers),
        tuple(sorted(leads)),
        phrasing.name.asks,
        bool(phrasing.states) or phrasing.name.group["class"] in _MUTABLE,
    )


def _stems(text: str, language: Language) -> frozenset[str]:
    common = language.words.common
    return frozenset(language.stem(w) for w in language.tokens(text) if w not in common and len(w) > 1)

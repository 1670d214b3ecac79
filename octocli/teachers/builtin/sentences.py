"""Sentences with slots: a head, the carriers of what it leaves out, and a frame around both.

Decides only on words. Values are drawn before and filled in after, in `filling.py`.
"""

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from octocli.teachers.builtin.lexicon import Weighted, lexicon
from octocli.teachers.builtin.naming import gerund
from octocli.teachers.builtin.phrasing import Form, Head, Phrasing
from octocli.teachers.builtin.surfaces import flag_phrases

_SHARES = {"verb": 4.0, "construct": 5.0, "question": 4.0, "noun": 1.2, "alias": 3.0}
_FRONTED = re.compile(r"^(?:at|on|in|for|from|by|tonight|every|around) ")


@dataclass(frozen=True)
class Clause:
    """One call's words, not yet framed: slots are parameter names."""

    text: str
    form: Form


class Grammar:
    """Draws sentences for one function.

    Args:
        phrasing: what is known about asking for it.
    """

    def __init__(self, phrasing: Phrasing) -> None:
        self.phrasing = phrasing
        self._cache: dict[tuple[object, ...], list[tuple[float, list[Head], list[float]]]] = {}

    def clause(
        self, values: Mapping[str, Any], rng: random.Random, *, plain: bool = False, without: str = ""
    ) -> Clause | None:
        """A clause that says all of `values`; `plain` asks for a command, `without` names what must not be said."""
        head = self._head(values, rng, plain, without)
        if head is None:
            return None
        implied = {name for name, _ in head.implies}
        rest = [name for name in values if name not in head.uses and name not in implied]
        text = self._with_carriers(head, rest, values, rng)
        return Clause(text, head.form)

    def _head(self, values: Mapping[str, Any], rng: random.Random, plain: bool, without: str) -> Head | None:
        sources = self._eligible(values, plain, without)
        if not sources:
            return None
        _, heads, cumulated = _pick(sources, rng)
        return rng.choices(heads, cum_weights=cumulated)[0]

    def _eligible(
        self, values: Mapping[str, Any], plain: bool, without: str
    ) -> list[tuple[float, list[Head], list[float]]]:
        states = tuple((p.name, repr(values[p.name])) for p in self.phrasing.states if p.name in values)
        key = (frozenset(values), states, plain, without)
        if key not in self._cache:
            groups: dict[str, list[Head]] = defaultdict(list)
            for head in self.phrasing.heads:
                if self._fits(head, values, plain, without):
                    groups[head.source].append(head)
            self._cache[key] = [
                (_SHARES[source], heads, list(accumulate(h.weight for h in heads))) for source, heads in groups.items()
            ]
        return self._cache[key]

    def _fits(self, head: Head, values: Mapping[str, Any], plain: bool, without: str) -> bool:
        if not head.uses <= set(values) or (plain and head.form != "command"):
            return False
        if any(name not in values or values[name] != value for name, value in head.implies):
            return False
        implied = {name for name, _ in head.implies}
        open_states = [p.name for p in self.phrasing.states if p.name in values and p.name not in implied]
        if open_states and not (head.source == "verb" and self.phrasing.name.neutral and not head.implies):
            return False
        thing = self.phrasing.object
        if thing is None or thing.name not in values or thing.name in head.uses:
            return True
        role = self.phrasing.roles[thing.name]
        # Without its object a verb needs a noun of its own, and the object a carrier that can follow it.
        return bool(self.phrasing.nouns) and role.object in ("person", "topic") or head.source in ("alias", "construct")

    def _with_carriers(self, head: Head, names: Sequence[str], values: Mapping[str, Any], rng: random.Random) -> str:
        said = [(name, self._carrier(name, values[name], rng)) for name in names]
        rng.shuffle(said)
        said.sort(key=lambda pair: self.phrasing.roles[pair[0]].last)
        text, front = head.text, ""
        for _, carrier in said:
            if not front and head.form == "command" and _FRONTED.match(carrier) and rng.random() < 0.07:
                front = carrier
            else:
                text += ("" if carrier.startswith(":") else " ") + carrier
        return f"{front}{',' if rng.random() < 0.5 else ''} {text}" if front else text

    def _carrier(self, name: str, value: Any, rng: random.Random) -> str:
        parameter = self.phrasing.function.param(name)
        slot = f"{{{name}}}"
        if parameter is not None and parameter.kind == "boolean" and parameter not in self.phrasing.states:
            return rng.choice(flag_phrases(value, name))
        if parameter is not None and parameter in self.phrasing.states and isinstance(value, bool):
            return "to on" if value else "to off"
        return rng.choice(self.phrasing.roles[name].carriers).replace("{}", slot)


def framed(clause: Clause, rng: random.Random) -> str:
    """The clause inside a frame: "could you ... please", "i need ..."."""
    frame = weighted(lexicon().frames[clause.form], rng)
    slot = {"command": "{c}", "question": "{q}", "noun": "{n}"}[clause.form]
    if "{g}" in frame:
        return frame.replace("{g}", gerund(clause.text))
    return frame.replace(slot, clause.text)


def joined(first: str, second: str, rng: random.Random) -> str:
    """Two clauses in one sentence."""
    return weighted(lexicon().frames["join"], rng).replace("{1}", first).replace("{2}", second)


def weighted(frames: Sequence[Weighted], rng: random.Random) -> str:
    """A frame by its weight."""
    return rng.choices(frames, weights=[f.weight for f in frames])[0].text


def _pick(
    groups: list[tuple[float, list[Head], list[float]]], rng: random.Random
) -> tuple[float, list[Head], list[float]]:
    return rng.choices(groups, weights=[g[0] for g in groups])[0]

"""Sentences with slots: a head, the carriers of what it leaves out, and a frame around both.

Decides only on words. Values are drawn before and filled in after, in `filling.py`.
"""

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal

from octocli.teachers.builtin.filling import SLOT
from octocli.teachers.builtin.language import Language
from octocli.teachers.builtin.lexicon import Form, Weighted
from octocli.teachers.builtin.phrasing import Head, Phrasing
from octocli.teachers.builtin.roles import words_of
from octocli.teachers.builtin.surfaces import flag_phrases, state_adjectives

_SHARES = {"verb": 4.0, "construct": 5.0, "question": 4.0, "noun": 1.2, "alias": 3.0, "line": 2.0}
# Heads that stand without naming their object: "order food" + "from Joe's".
_WHOLE = ("alias", "construct")
TRIES = 20
# How often a value that can be said right after another one is: "Albany, Oregon", "150 pounds".
_FOLLOWING = 0.75
# Where a frame takes up a clause of each form.
SLOTS: Mapping[Form, str] = {"command": "{c}", "question": "{q}", "noun": "{n}", "statement": "{s}"}


End = Literal["", "sentence", "time"]


@dataclass(frozen=True)
class Clause:
    """One call's words, not yet framed: slots are parameter names."""

    text: str
    form: Form
    front: str = ""  # what stands before the frame: "at 7, could you ..."
    end: End = ""  # what the last words are, where not every frame may go on after them


class Grammar:
    """Draws sentences for one function.

    Args:
        phrasing: what is known about asking for it.
    """

    def __init__(self, phrasing: Phrasing) -> None:
        self.phrasing = phrasing
        self.language = phrasing.language
        self._cache: dict[tuple[object, ...], list[tuple[float, list[Head], list[float]]]] = {}

    def clause(
        self, values: Mapping[str, Any], rng: random.Random, *, plain: bool = False, named: frozenset[str] = frozenset()
    ) -> Clause | None:
        """A clause that says all of `values`; `plain` asks for a command.

        Args:
            values: by parameter; None where the words do not hang on the value.
            rng: the stream's random numbers.
            plain: whether it must be a command that another one can follow.
            named: parameters that what another call gives will stand for, under its name: they cannot be quoted.
        """
        head = self._head(values, rng, plain)
        if head is None or any(self._quotes(head.text, name) for name in named):
            return None
        text, front = self._with_carriers(head, self._rest(head, values), values, rng, may_front=not plain, named=named)
        return Clause(text, head.form, front, self._end(text))

    def _end(self, text: str) -> End:
        """What the clause ends in: after a time nobody says "right now", and what follows a message is part of it."""
        at_end = re.search(r"\{(\w+)\}$", text)
        parameter = self.phrasing.function.param(at_end[1]) if at_end else None
        if parameter is None:
            return ""
        role = self.phrasing.roles[parameter.name]
        timed = role.leads or parameter.kind in ("time", "date", "datetime")
        return "sentence" if role.sentence else "time" if timed else ""

    @cached_property
    def has_noun(self) -> bool:
        """Whether what the function gives has a name."""
        return any(self._names_result(head) for head in self.phrasing.heads)

    def noun(self, values: Mapping[str, Any], rng: random.Random) -> str | None:
        """A name for what the function gives, with all of `values`: "the forecast for Rome"."""
        heads = [h for h in self.phrasing.heads if self._names_result(h) and self._fits(h, values, plain=False)]
        if not heads:
            return None
        head = rng.choices(heads, [h.weight for h in heads])[0]
        text, _ = self._with_carriers(head, self._rest(head, values), values, rng, may_front=False)
        return self.language.definite(text)

    def _names_result(self, head: Head) -> bool:
        return head.source == "noun" and not head.implies and SLOT.sub("", head.text).strip() != ""

    def _rest(self, head: Head, values: Mapping[str, Any]) -> list[str]:
        implied = {name for name, _ in head.implies}
        return [name for name in values if name not in head.uses and name not in implied]

    def _head(self, values: Mapping[str, Any], rng: random.Random, plain: bool) -> Head | None:
        sources = self._eligible(values, plain)
        if not sources:
            return None
        _, heads, cumulated = _pick(sources, rng)
        return rng.choices(heads, cum_weights=cumulated)[0]

    def _eligible(self, values: Mapping[str, Any], plain: bool) -> list[tuple[float, list[Head], list[float]]]:
        spoken = {p.name for p in self.phrasing.states} | self.phrasing.implied
        states = tuple((name, repr(values[name])) for name in sorted(spoken) if name in values)
        key = (frozenset(values), states, plain)
        if key not in self._cache:
            groups: dict[str, list[Head]] = defaultdict(list)
            fitting = [h for h in self.phrasing.heads if self._fits(h, values, plain)]
            # What only a head can say goes into one; where no head says all of it at once, a plain carrier must do.
            for head in [h for h in fitting if self._says_all(h, values)] or fitting:
                groups[head.source].append(head)
            self._cache[key] = [
                (
                    _SHARES[source] * min(1.0, len(heads) / 12) ** 0.5,
                    heads,
                    list(accumulate(_weight(h, values, self.phrasing) for h in heads)),
                )
                for source, heads in groups.items()
            ]
        return self._cache[key]

    def _fits(self, head: Head, values: Mapping[str, Any], plain: bool) -> bool:
        if not head.uses <= set(values) or (plain and head.form != "command"):
            return False
        if any(name not in values or values[name] != value for name, value in head.implies):
            return False
        implied = {name for name, _ in head.implies}
        open_states = [p.name for p in self.phrasing.states if p.name in values and p.name not in implied]
        if open_states and not self._says_states(head, open_states, values):
            return False
        thing = self.phrasing.object
        if thing is None or thing.name not in values or thing.name in head.uses:
            return True
        role = self.phrasing.roles[thing.name]
        # Without its object a verb needs a noun of its own, and the object a carrier that can follow it.
        if all(carrier == "{}" for carrier in role.carriers):
            return False
        direct = self.phrasing.name.group["class"] in ("call", "text", "navigate", "remind")
        spare_noun = bool(self.phrasing.nouns) and role.object in ("person", "topic") and not direct
        return spare_noun or head.source in _WHOLE

    def _says_all(self, head: Head, values: Mapping[str, Any]) -> bool:
        """Whether nothing is left to a carrier that has none."""
        rest = self._rest(head, values)
        spoken = {self.phrasing.roles[n].name for n in values}
        roles = (self.phrasing.roles[name] for name in rest)
        return all(role.carriers or any(after in spoken for after, _ in role.follows) for role in roles)

    def _says_states(self, head: Head, names: Sequence[str], values: Mapping[str, Any]) -> bool:
        """Whether a neutral verb can carry a state as a word of its own: "set the fan to on"."""
        if head.source != "verb" or head.implies or not self.phrasing.name.neutral:
            return False
        return all(_state_words(self.phrasing, name, values[name]) for name in names)

    def _with_carriers(
        self,
        head: Head,
        names: Sequence[str],
        values: Mapping[str, Any],
        rng: random.Random,
        *,
        may_front: bool,
        named: frozenset[str] = frozenset(),
    ) -> tuple[str, str]:
        following = self._following(head, names, rng)
        alone = [name for name in names if name not in following]
        said = [(name, self._carrier(name, values[name], rng, named=name in named)) for name in alone]
        rng.shuffle(said)
        said.sort(key=lambda pair: self.phrasing.roles[pair[0]].last)
        text, front = head.text, ""
        fronted = self.language.words.patterns["fronted"]
        for _, carrier in said:
            if may_front and not front and head.form == "command" and fronted.match(carrier) and rng.random() < 0.07:
                front = carrier
            else:
                text += ("" if carrier.startswith(":") else " ") + carrier
        for name, (before, joint) in following.items():
            slot = f"{{{before}}}"
            words = slot + joint.replace("{}", f"{{{name}}}")
            text, front = text.replace(slot, words, 1), front.replace(slot, words, 1)
        return text, front

    def _following(self, head: Head, names: Sequence[str], rng: random.Random) -> dict[str, tuple[str, str]]:
        """What is said right after another parameter's value: which one's, and the joint between them."""
        standing = [match[1] for match in SLOT.finditer(head.text) if match[1] in self.phrasing.roles] + [
            n for n in names if self._has_slot(n)
        ]
        found: dict[str, tuple[str, str]] = {}
        for name in names:
            role = self.phrasing.roles[name]
            choices = [
                (before, joints)
                for after, joints in role.follows
                for before in standing
                if after == self.phrasing.roles[before].name
                and name not in _chain(before, found)
                and before not in (taken for taken, _ in found.values())
            ]
            if choices and (not role.carriers or rng.random() < _FOLLOWING):
                before, joints = choices[0]
                found[name] = (before, rng.choice(joints))
        return _in_order(found)

    def _has_slot(self, name: str) -> bool:
        parameter = self.phrasing.function.param(name)
        # A state is said by a verb or an adjective, a flag by a phrase of its own: neither leaves a slot.
        return parameter is not None and parameter.kind != "boolean" and parameter not in self.phrasing.states

    def _carrier(self, name: str, value: Any, rng: random.Random, *, named: bool) -> str:
        parameter = self.phrasing.function.param(name)
        slot = f"{{{name}}}"
        role = self.phrasing.roles[name]
        if not role.carriers:
            return self.language.named(" ".join(words_of(name)), slot)
        if named:
            return _slotted(rng.choice(role.named_by or role.carriers), name)
        if parameter is not None and parameter.kind == "boolean" and parameter not in self.phrasing.states:
            return rng.choice(flag_phrases(value, name, self.language))
        if parameter is not None and parameter in self.phrasing.states:
            return self.language.turned_to(rng.choice(_state_words(self.phrasing, name, value)))
        return _slotted(rng.choice(role.carriers), name)

    def _quotes(self, text: str, name: str) -> bool:
        """Whether the words before a slot make a quotation of it."""
        quoting = self.language.words.patterns["quoting"].pattern
        return re.search(rf"(?:{quoting}) \{{{re.escape(name)}[|}}]", text) is not None


def _chain(name: str, found: Mapping[str, tuple[str, str]]) -> list[str]:
    """A parameter, the one that it is said after, the one before that."""
    return [name, *(_chain(found[name][0], found) if name in found else [])]


def _in_order(found: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """What follows something that follows comes after it."""
    return {name: found[name] for name in sorted(found, key=lambda n: len(_chain(n, found)))}


def _slotted(carrier: str, name: str) -> str:
    """A carrier with its slot named: "in {|dat}" says the place that the value stands in."""
    return re.sub(r"\{(\|\w+)?\}", lambda m: f"{{{name}{m[1] or ''}}}", carrier)


def _state_words(phrasing: Phrasing, name: str, value: Any) -> list[str]:
    parameter = phrasing.function.param(name)
    return state_adjectives(value, name, parameter.schema, phrasing.language) if parameter is not None else []


def framed(clause: Clause, language: Language, rng: random.Random) -> str:
    """The clause inside a frame: "could you ... please", "i need ..."."""
    frames, patterns = language.words.frames[clause.form], language.words.patterns
    frame = weighted(frames, rng)
    for _ in range(TRIES):
        # "wake me up" is asked of somebody: nobody says "i want to wake me up".
        to_me = patterns["to_me"].match(clause.text) and patterns["by_me"].match(frame)
        if not to_me and not (clause.end and patterns[f"after_{clause.end}"].search(frame)):
            break
        frame = weighted(frames, rng)
    words = language.framed(frame, clause.text, SLOTS[clause.form], rng)
    if not clause.front:
        return words
    if not patterns["takes_a_front"].match(frame):
        return f"{words} {clause.front}"
    return f"{clause.front}{',' if rng.random() < 0.5 else ''} {words}"


def joined(first: str, second: str, language: Language, rng: random.Random) -> str:
    """Two clauses in one sentence."""
    return weighted(language.words.frames["join"], rng).replace("{1}", first).replace("{2}", second)


def weighted(frames: Sequence[Weighted], rng: random.Random) -> str:
    """A frame by its weight."""
    return rng.choices(frames, weights=[f.weight for f in frames])[0].text


def _weight(head: Head, values: Mapping[str, Any], phrasing: Phrasing) -> float:
    """A head's share; a verb that leaves a state to a word of its own is heard less."""
    open_state = any(p.name in values for p in phrasing.states) and not head.implies
    return head.weight * (0.1 if open_state else 1.0)


def _pick(
    groups: list[tuple[float, list[Head], list[float]]], rng: random.Random
) -> tuple[float, list[Head], list[float]]:
    return rng.choices(groups, weights=[g[0] for g in groups])[0]

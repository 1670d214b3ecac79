"""Names for what a request is about: the function's noun, its object's value, and both with parameters inside.

"the lights", "Bohemian Rhapsody", "the kitchen lights", "all of my timers". What is asked of it is `phrasing.py`'s.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from octocli.core.spec import Function, Parameter
from octocli.core.split_exemptions import named_values
from octocli.teachers.builtin.language import Language
from octocli.teachers.builtin.lexicon import Lexicon
from octocli.teachers.builtin.naming import Name, noun_forms, read_name, starts_with_verb, with_article
from octocli.teachers.builtin.roles import Role, roles_of, words_of
from octocli.teachers.builtin.surfaces import enum_words, speaks_by_verb

# Free text that is said for its own sake: nobody says "my good morning text".
_WORDY = frozenset({"phrase", "message", "task", "query", "song", "movie", "label", "text"})
# Nouns that say nothing beside the value: "the lamp", never "the device lamp".
_GENERIC = frozenset({"device", "item", "thing", "food", "contact", "person", "app", "product", "music", "media"})
# What a name says of an identifier beside what it is of.
_NUMBERING = frozenset({"id", "number", "no", "code", "reference", "ref", "num"})
# Classes that are done with money.
_OF_MONEY = frozenset({"donate", "pay", "withdraw", "deposit", "top_up", "tip"})
# Verbs that say little without a noun: "find yoga classes" may want videos, news or a business.
_VAGUE = frozenset({"search", "query", "show"})
# Verbs whose object alone makes a request: "pepperoni pizza please", "the Beatles".
BARE_OBJECT = frozenset({"play", "order", "search", "open", "start", "create", "log", "book", "add", "set", "query"})
# Classes whose verb wants its object: "navigate to it" is no request.
_WITH_OBJECT = frozenset({"navigate", "call", "text", "send", "search", "play", "translate"})

# Verbs whose object may be a place: "create Rome" is no request for an alert.
_GOES_SOMEWHERE = frozenset({"navigate", "search", "book", "order", "query", "show"})


@dataclass(frozen=True)
class NounPhrase:
    """A name for the object, and the parameters in it."""

    text: str
    uses: frozenset[str] = frozenset()
    weight: float = 1.0


class Thing:
    """What the requests for one function are about, beside the `others` of its spec."""

    def __init__(self, function: Function, language: Language, others: Sequence[Function] = ()) -> None:
        self.function = function
        self.language = language
        self.lexicon = language.words
        self._others = tuple(f for f in others if f.name != function.name)
        self.roles: dict[str, Role] = roles_of(function, self.lexicon)
        self.name = self.read_name(function)
        self.states = tuple(p for p in function.params if speaks_by_verb(p.name, p.schema, language))
        self.nouns = self._own_nouns()

    def read_name(self, function: Function) -> Name:
        """What the name of this function, or of another one, says."""
        return read_name(function, self.lexicon)

    def _own_nouns(self) -> list[str]:
        """Names for the thing, but for those that say one of its values: "the heat" is a mode of a thermostat."""
        told = " ".join(f"{f.name} {f.description}".lower() for f in (self.function, *self._others))
        found = [noun for noun in noun_forms(self.name.nouns, self.lexicon, told) if noun]
        listed = ((v, p.schema) for p in self.function.params for v in p.schema.get("enum", ()))
        values = {word for value, schema in listed for word in enum_words(value, schema, self.language)}
        kinds = [p for p in self.function.params if p.kind == "text" and self.roles[p.name].phrases]
        named = {word.lower() for p in kinds for word in named_values(p.schema)}
        # "play a song" says a kind, "play music" none; the name's own noun goes only where the spec calls it a kind.
        if found and found[0] in named and set(found) - named:
            found = [noun for noun in found if noun not in named]
        pooled = {word for p in kinds if self.roles[p.name].name.endswith("_kind") for word in self._pool(p)}
        # A lost suitcase is a kind of lost bag, where kinds of bags are listed.
        said = values | named | pooled
        kinds_said = said - {noun.split()[-1] for noun in found[:1]}
        return [n for n in found if n is found[0] or (n not in said and n.split()[-1] not in kinds_said)]

    def _pool(self, parameter: Parameter) -> list[str]:
        return self.lexicon.pools[self.roles[parameter.name].pool]

    @cached_property
    def object(self) -> Parameter | None:
        """The parameter that is the thing acted on: its role says so, or it bears the function's own noun."""
        named = set(self.name.nouns) | {n.removesuffix("s") for n in self.name.nouns}
        wordy = [
            p for p in self.function.params if p.kind in ("text", "enum", "array", "phone") and p not in self.states
        ]
        named -= set(self.lexicon.nouns["attributes"]) - _GENERIC
        own = [p for p in wordy if {w.removesuffix("s") for w in words_of(p.name)} & named]
        roled = [p for p in wordy if self.roles[p.name].object and not self._numbers_another(p)]
        if not self.nouns and not roled:
            roled = [p for p in wordy if p.required][:1]
        direct = [p for p in roled if not self.nouns or self.roles[p.name].object not in ("person", "topic")]
        if self.nouns and self.name.group["class"] not in _GOES_SOMEWHERE:
            direct = [p for p in direct if self.roles[p.name].name != "destination"]
        if self.name.group["class"] in ("call", "text", "navigate", "search", "remind"):
            direct = roled
        if self.nouns and self.name.group["class"] == "create":
            # What is made is the noun: an offer on a sofa, no sofa.
            direct = [p for p in direct if not self.roles[p.name].item or set(self.nouns) & _GENERIC]
        needed = [p for p in self.function.params if p.required]
        # "dry cleaning", "a taxi": what is had, where it is all that has to be said
        served = needed if len(needed) == 1 and needed[0] in wordy and self._is_served(needed[0]) else []
        found = [*[p for p in own if p.required], *[p for p in direct if p.required], *served, *own, *direct]
        return found[0] if found else None

    def _is_served(self, parameter: Parameter) -> bool:
        """Whether a listed value is had by whoever asks: no command, as "make_bed" is one."""
        listed = parameter.kind == "enum" and self.roles[parameter.name].name in ("type", "choice", "cabin")
        firsts = (words_of(str(value))[:1] for value in parameter.schema.get("enum", ()))
        had = self.name.group["class"] in ("book", "order", "request")
        return listed and had and not any(starts_with_verb(w, self.lexicon) for first in firsts for w in first)

    def _numbers_another(self, parameter: Parameter) -> bool:
        """Whether a parameter is the number of something that the function is not about: the account of a tax paid."""
        of = {w.removesuffix("s") for w in words_of(parameter.name)} - _NUMBERING
        named = self.roles[parameter.name].name == "identifier" and bool(of and self.nouns)
        return named and not of & {n.removesuffix("s") for n in self.name.nouns}

    @cached_property
    def _needs_noun(self) -> bool:
        """Whether the object's value alone could as well be meant for another function of the spec."""
        if self.object is None or self.object.kind != "text":
            return False
        return self.roles[self.object.name].pool in {role.pool for f in self._others for role in self._bare_objects(f)}

    def _bare_objects(self, function: Function) -> Iterator[Role]:
        """The roles of free text that alone may be a request for `function`."""
        if self.read_name(function).group["class"] in BARE_OBJECT | _VAGUE:
            roles = roles_of(function, self.lexicon)
            yield from (roles[p.name] for p in function.params if p.kind == "text" and roles[p.name].object)

    @cached_property
    def objects(self) -> tuple[NounPhrase, ...]:
        """Noun phrases with the function's article."""
        return tuple(dict.fromkeys([*self._named(), *self._object_slots(), *self._modified(), *self._phrased()]))

    def _named(self) -> Iterator[NounPhrase]:
        article = self.name.group.get("article", "the")
        for index, noun in enumerate(self.nouns):
            phrases = with_article(noun, article, self.lexicon)
            # "find emails"
            phrases += [plural(noun, self.lexicon)] if self.name.group["class"] == "search" else []
            for phrase in dict.fromkeys(phrases):
                yield NounPhrase(phrase, weight=2.0 if index == 0 else 1.0)
        if (sum_ := self._sum) and not self.nouns:  # "donate 20"
            yield NounPhrase(f"{{{sum_.name}}}", frozenset({sum_.name}), 6.0)
            return
        bare = self.object is None or not (self.object.required or self.name.group["class"] in _WITH_OBJECT)
        if bare and not self.nouns:
            yield NounPhrase("it")

    def _object_slots(self) -> Iterator[NounPhrase]:
        if self.object is None:
            return
        name, role = self.object.name, self.roles[self.object.name]
        uses = frozenset({name})
        slot = f"{{{name}}}"
        own = {w.removesuffix("s") for w in words_of(name)} & {n.removesuffix("s") for n in self.name.nouns}
        whole = self.object.kind == "text" and len(own) == len(set(words_of(name)) - {"new"})
        if whole and own and self.nouns and self.name.group["class"] == "set" and not role.item:
            # What is set is not the value: "change the address to 12 Oak Street".
            yield NounPhrase(f"the {self.nouns[0]} to {slot}", uses, 4.0)
            yield NounPhrase(f"my {self.nouns[0]} to {slot}", uses, 2.0)
            return
        if self._measured:
            for text in (f"the {self.nouns[0]} of {slot}", f"the {self.nouns[0]} on {slot}", f"{slot} {self.nouns[0]}"):
                yield NounPhrase(text, uses, 3.0)
        the = role.article == "the" or (self.object.kind == "enum" and role.object == "thing" and not role.item)
        vague = self.name.group["class"] in _VAGUE and not self.says_enough(role)
        if not ((role.named or vague) and self.nouns):
            a = self.object.kind == "enum" and self.name.group.get("article") == "a"
            yield NounPhrase(f"a {slot}" if a else f"the {slot}" if the else slot, uses, 4.0)
            if a:
                yield NounPhrase(slot, uses)
            if the:
                yield NounPhrase(f"my {slot}", uses)
                yield NounPhrase(slot, uses)
        if own and self.nouns and role.name not in _WORDY and self.nouns[0] not in _GENERIC:
            noun = self.nouns[0]
            a = "a" if self.object.kind == "enum" and self.name.group.get("article") == "a" else "the"
            yield from (NounPhrase(t, uses) for t in (f"{a} {slot} {noun}", f"{noun} {slot}", f"my {slot} {noun}"))
        if (count := self._with_role("quantity") or self._with_role("amount_of")) and role.item:
            both, slot = uses | {count.name}, f"{{{name}|many}}"
            for text in (
                f"{{{count.name}}} {slot}",
                f"{{{count.name}}} orders of {slot}",
                f"{{{count.name}}} of the {slot}",
            ):
                yield NounPhrase(text, both, 4.0)

    def _modified(self) -> Iterator[NounPhrase]:
        """A parameter before the noun: "the kitchen lights", "a 10 minute timer", "a large pepperoni pizza"."""
        article = self.name.group.get("article", "the")
        for parameter in self.function.params:
            role = self.roles[parameter.name]
            if not role.modifier or parameter is self.object or parameter.kind == "array":
                continue
            slot = f"{{{parameter.name}|mod}}"
            lead = {"a": "a ", "the": "the "}.get(article, "")
            if role.modifier == "noun" or not self.object or role.name == "status_of":
                for noun in self.nouns[:6]:
                    yield NounPhrase(f"{lead}{slot} {noun}", frozenset({parameter.name}), 3.0)
            elif self.roles[self.object.name].item or parameter.kind == "enum":
                both = frozenset({parameter.name, self.object.name})
                if role.name in ("size", "type", "color", "cuisine"):
                    yield NounPhrase(f"a {slot} {{{self.object.name}}}", both, 3.0)

    def _phrased(self) -> Iterator[NounPhrase]:
        """Parameters inside the name of the object: "my second alarm", "all of the timers", "this song"."""
        kinds = [p.name for p in self.function.params if _is_noun(self.roles[p.name])]
        for parameter in self.function.params:
            slot, uses = f"{{{parameter.name}}}", frozenset({parameter.name})
            if self._numbers_another(parameter):
                continue
            for template in self.roles[parameter.name].phrases:
                if "{noun" not in template:
                    yield NounPhrase(template.replace("{}", slot), uses, 2.0)
                    if (thing := self.object) is not None and thing.name != parameter.name:
                        text = f"{template.replace('{}', slot)} {{{thing.name}}}"
                        yield NounPhrase(text, uses | {thing.name}, 3.0)
                    continue
                for index, noun in enumerate(self.nouns[:3]):
                    text = (
                        template.replace("{}", slot)
                        .replace("{nouns}", plural(noun, self.lexicon))
                        .replace("{noun}", noun)
                    )
                    yield NounPhrase(text, uses, 2.0 if index == 0 else 1.0)
                for kind in kinds:
                    text = re.sub(r"\{nouns?\}", f"{{{kind}}}", template.replace("{}", slot))
                    if kind != parameter.name:
                        yield NounPhrase(text, uses | {kind}, 2.0)

    @property
    def _measured(self) -> bool:
        """Whether what is set is a number that the noun names, and the object's own: the price of a listing."""
        named = (p for p in self.function.params if p.kind in ("money", "integer", "number"))
        set_ = self.name.group["class"] == "set" and bool(self.nouns)
        return set_ and any(self.name.nouns[-1] in words_of(p.name) for p in named)

    @property
    def _sum(self) -> Parameter | None:
        """The money that the verb is about, where nothing else is."""
        about_money = self.object is None and self.name.group["class"] in _OF_MONEY
        return next((p for p in self.function.params if p.kind == "money" and about_money), None)

    @cached_property
    def indispensable(self) -> frozenset[str]:
        """The object of a verb that is no request without one, where the name has no noun for it: where to go."""
        bare = self.object is None or self.nouns or self.name.group["class"] not in _WITH_OBJECT
        return frozenset() if bare or self.object is None else frozenset({self.object.name})

    def says_enough(self, role: Role) -> bool:
        """Whether a value alone tells what is wanted: a number or a place does not."""
        return role.name not in ("identifier", "destination") and not self._needs_noun

    def _with_role(self, role: str) -> Parameter | None:
        return next((p for p in self.function.params if self.roles[p.name].name == role), None)


def plural(noun: str, lexicon: Lexicon) -> str:
    """The noun for several: "alarms"."""
    first, of, rest = noun.partition(" of ")
    if of:
        return f"{plural(first, lexicon)} of {rest}"
    last = noun.split()[-1]
    if last.endswith("s") or last in lexicon.nouns["uncountable"]:
        return noun
    if last.endswith("y") and last[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if last.endswith(("ch", "sh", "x")) else f"{noun}s"


def _is_noun(role: Role) -> bool:
    """Whether the value is itself a name for the object: "song", "album"."""
    return bool(role.phrases) and all("{noun" not in template for template in role.phrases)

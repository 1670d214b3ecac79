"""How a function can be asked for: heads (verb and object, question, bare noun) that leave slots for its parameters.

A head says which parameters it uses and which values its verb implies. What it does not use is said by carriers,
in `sentences.py`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product
from typing import Any, Literal

from octocli.core.spec import Function, Parameter
from octocli.teachers.builtin.lexicon import Construct, lexicon
from octocli.teachers.builtin.naming import (
    Name,
    is_verb_only,
    noun_forms,
    read_name,
    starts_with_verb,
    with_article,
)
from octocli.teachers.builtin.roles import Role, roles_of, words_of
from octocli.teachers.builtin.surfaces import enum_words, speaks_by_verb, state_adjectives, state_verbs

# Free text that is said for its own sake: nobody says "my good morning text".
_WORDY = frozenset({"phrase", "message", "task", "query", "song", "movie", "label", "text"})
# Nouns that say nothing beside the value: "the lamp", never "the device lamp".
_GENERIC = frozenset({"device", "item", "thing", "food", "contact", "person", "app", "product", "music", "media"})
# Verbs that say little without a noun: "find yoga classes" may want videos, news or a business.
_VAGUE = frozenset({"search", "query", "show"})
# Verbs whose object alone makes a request: "pepperoni pizza please", "the Beatles".
_BARE_OBJECT = frozenset({"play", "order", "search", "open", "start", "create", "log", "book", "add", "set", "query"})

# Classes that undo what the sentences of the phrase book ask for, and verbs that alter it beside one that makes it.
_UNDOING = frozenset({"remove", "cancel", "stop", "pause", "resume", "mute", "close", "skip"})
_ALTERING = frozenset({"update", "edit", "modify", "reschedule", "rename", "change", "move"})
# Parameters of one role that a sentence is tried with: a city, a state, a country.
_MOST_WAYS = 4
# Words of a description that stand for a parameter, not for themselves.
_STAND_INS = re.compile(
    r"\b(?:something|someone|somebody|person|people|place|group|item|users?|its|their|given|another|two|specific)\b"
)

# Classes whose verb wants its object: "navigate to it" is no request.
_WITH_OBJECT = frozenset({"navigate", "call", "text", "send", "search", "play", "translate"})
# Of several functions for one thing, those that its noun alone may ask for: "alarm for 7" sets one.
_BY_NOUN = frozenset({"create", "log", "book", "order", "send", "navigate", "play", "search", "note", "photo", "call"})

Form = Literal["command", "question", "noun", "statement"]


@dataclass(frozen=True)
class Head:
    """The core of a request.

    Attributes:
        text: words with `{parameter}` slots, `{parameter|mod}` where the value stands before a noun.
        form: how a frame may take it up.
        source: which part of the grammar made it, for drawing shares.
        uses: the parameters in `text`.
        implies: (parameter, value) pairs that the words say without a slot.
        weight: its share among the heads of its source.
    """

    text: str
    form: Form
    source: str
    uses: frozenset[str] = frozenset()
    implies: tuple[tuple[str, Any], ...] = ()
    weight: float = 1.0


@dataclass(frozen=True)
class NounPhrase:
    """A name for the object, and the parameters in it."""

    text: str
    uses: frozenset[str] = frozenset()
    weight: float = 1.0


class Phrasing:
    """Everything the grammar knows about asking for one function, beside the `others` of its spec."""

    def __init__(self, function: Function, others: Sequence[Function] = ()) -> None:
        self.function = function
        self._siblings = [read_name(f) for f in others if f.name != function.name]
        self._rivals = frozenset(role.pool for f in others if f.name != function.name for role in _bare_objects(f))
        self.roles: dict[str, Role] = roles_of(function)
        self.name = read_name(function)
        self.states = tuple(p for p in function.params if speaks_by_verb(p.name, p.schema))
        self.nouns = self._own_nouns()

    def _own_nouns(self) -> list[str]:
        """Names for the thing, but for those that say one of its values: "the heat" is a mode of a thermostat."""
        listed = ((v, p.schema) for p in self.function.params for v in p.schema.get("enum", ()))
        values = {word for value, schema in listed for word in enum_words(value, schema)}
        first, *others = noun_forms(self.name.nouns) or [""]
        return [n for n in (first, *(o for o in others if o not in values)) if n]

    @cached_property
    def heads(self) -> tuple[Head, ...]:
        """Every head, once."""
        made = [*self._state_heads(), *self._verb_heads(), *self._question_heads(), *self._noun_heads()]
        made += [*self._alias_heads(), *self._described_heads(), *self._construct_heads()]
        return tuple({(h.text, h.implies): h for h in made}.values())

    @cached_property
    def object(self) -> Parameter | None:
        """The parameter that is the thing acted on: its role says so, or it bears the function's own noun."""
        named = set(self.name.nouns) | {n.removesuffix("s") for n in self.name.nouns}
        wordy = [
            p for p in self.function.params if p.kind in ("text", "enum", "array", "phone") and p not in self.states
        ]
        named -= set(lexicon().nouns["attributes"]) - _GENERIC
        own = [p for p in wordy if {w.removesuffix("s") for w in words_of(p.name)} & named]
        roled = [p for p in wordy if self.roles[p.name].object]
        direct = [p for p in roled if not self.nouns or self.roles[p.name].object not in ("person", "topic")]
        if self.name.group["class"] in ("call", "text", "navigate", "search", "remind"):
            direct = roled
        found = [*[p for p in own if p.required], *[p for p in direct if p.required], *own, *direct]
        return found[0] if found else None

    @cached_property
    def _needs_noun(self) -> bool:
        """Whether the object's value alone could as well be meant for another function of the spec."""
        return (
            self.object is not None and self.object.kind == "text" and self.roles[self.object.name].pool in self._rivals
        )

    @cached_property
    def objects(self) -> tuple[NounPhrase, ...]:
        """Noun phrases with the function's article."""
        return tuple(dict.fromkeys([*self._named(), *self._object_slots(), *self._modified(), *self._phrased()]))

    def _named(self) -> Iterator[NounPhrase]:
        article = self.name.group.get("article", "the")
        for index, noun in enumerate(self.nouns):
            for phrase in with_article(noun, article):
                yield NounPhrase(phrase, weight=2.0 if index == 0 else 1.0)
        bare = self.object is None or not (self.object.required or self.name.group["class"] in _WITH_OBJECT)
        if bare and not self.nouns:
            yield NounPhrase("it")

    def _object_slots(self) -> Iterator[NounPhrase]:
        if self.object is None:
            return
        name, role = self.object.name, self.roles[self.object.name]
        uses = frozenset({name})
        slot = f"{{{name}}}"
        the = role.article == "the" or (self.object.kind == "enum" and role.object == "thing" and not role.item)
        vague = self.name.group["class"] in _VAGUE and not self._says_enough(role)
        if not ((role.named or vague) and self.nouns):
            yield NounPhrase(f"the {slot}" if the else slot, uses, 4.0)
            if the:
                yield NounPhrase(f"my {slot}", uses)
                yield NounPhrase(slot, uses)
        own = {w.removesuffix("s") for w in words_of(name)} & {n.removesuffix("s") for n in self.name.nouns}
        if own and self.nouns and role.name not in _WORDY and self.nouns[0] not in _GENERIC:
            noun = self.nouns[0]
            yield from (NounPhrase(t, uses) for t in (f"the {slot} {noun}", f"{noun} {slot}", f"my {slot} {noun}"))
        if (count := self._with_role("quantity")) and role.item:
            both = uses | {count.name}
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
            if role.modifier == "noun" or not self.object:
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
            for template in self.roles[parameter.name].phrases:
                if "{noun" not in template:
                    yield NounPhrase(template.replace("{}", slot), uses, 2.0)
                    if (thing := self.object) is not None and thing.name != parameter.name:
                        text = f"{template.replace('{}', slot)} {{{thing.name}}}"
                        yield NounPhrase(text, uses | {thing.name}, 3.0)
                    continue
                for index, noun in enumerate(self.nouns[:3]):
                    text = template.replace("{}", slot).replace("{nouns}", plural(noun)).replace("{noun}", noun)
                    yield NounPhrase(text, uses, 2.0 if index == 0 else 1.0)
                for kind in kinds:
                    text = re.sub(r"\{nouns?\}", f"{{{kind}}}", template.replace("{}", slot))
                    if kind != parameter.name:
                        yield NounPhrase(text, uses | {kind}, 2.0)

    @cached_property
    def said_together(self) -> tuple[frozenset[str], ...]:
        """The parameters of each sentence that the phrase book has for this function, where it has any."""
        return tuple(head.uses for head in self.heads if head.source == "construct" and head.uses)

    @cached_property
    def indispensable(self) -> frozenset[str]:
        """The object of a verb that is no request without one, where the name has no noun for it: where to go."""
        bare = self.object is None or self.nouns or self.name.group["class"] not in _WITH_OBJECT
        return frozenset() if bare or self.object is None else frozenset({self.object.name})

    def _with_role(self, role: str) -> Parameter | None:
        return next((p for p in self.function.params if self.roles[p.name].name == role), None)

    def _state_heads(self) -> Iterator[Head]:
        for parameter in self.states:
            values = [True, False] if parameter.kind == "boolean" else parameter.schema.get("enum", ())
            for value in values:
                implies = ((parameter.name, value),)
                for verb in state_verbs(value, parameter.name, parameter.schema):
                    for noun in self.objects:
                        text = verb.replace("{o}", noun.text).replace("{one}", "one")
                        yield Head(text, "command", "verb", noun.uses, implies, noun.weight)
                for state in state_adjectives(value, parameter.name, parameter.schema):
                    for noun in self.objects:
                        yield Head(f"{_bare(noun.text)} {state}", "noun", "noun", noun.uses, implies, noun.weight)

    def _verb_heads(self) -> Iterator[Head]:
        says = self._own_verbs
        for index, verb in enumerate(says):
            for noun in self.objects:
                weight = noun.weight * (3.0 if index == 0 else 1.0)
                yield Head(verb.replace("{o}", noun.text), "command", "verb", noun.uses, (), weight)

    @cached_property
    def _near(self) -> list[Name]:
        """The other functions for the same thing."""
        return [n for n in self._siblings if n.nouns[-1:] == self.name.nouns[-1:] != ()]

    @cached_property
    def _own_verbs(self) -> tuple[str, ...]:
        """Verbs that no other function for the same thing has: an alarm is set by one and changed by another."""
        # What is known of alarms in particular goes before what is known of changing anything.
        known = "nouns" in self.name.group
        taken = {say for name in self._near if not known or "nouns" in name.group for say in name.says}
        own = [s for s in self.name.says if s not in taken or s.startswith((f"{self.name.verb} ", "{v} "))]
        return tuple(own) or self.name.says

    def _question_heads(self) -> Iterator[Head]:
        if not self.name.asks:
            return
        for frame in lexicon().frames["query"]:
            for noun in self.objects:
                text = frame.text.replace("{o}", noun.text)
                if frame.weight and not (noun.text.endswith("s") and re.search(r"\b(?:is|'s)\b", frame.text)):
                    yield Head(text, _form_of(text), "question", noun.uses, (), frame.weight * noun.weight)
        for name in self.nouns[:3] if self.name.group["class"] == "query" else ():
            if name.split()[-1] not in lexicon().nouns["uncountable"]:
                for frame in lexicon().frames["many"]:
                    text = frame.text.replace("{nouns}", plural(name))
                    yield Head(text, _form_of(text), "question", frozenset(), (), frame.weight)

    def _noun_heads(self) -> Iterator[Head]:
        if self.name.group["class"] in ("remove", "cancel", "turn_off", "stop", "close", "pause", "mute"):
            return
        if self._near and self.name.group["class"] not in _BY_NOUN:
            return
        bare = self.name.group["class"] in _BARE_OBJECT
        for noun in self.objects:
            slot_only = re.fullmatch(r"(?:the |my )?\{[^{}]*\}", noun.text) is not None
            if noun.text != "it" and (not slot_only or (bare and self._says_enough(self.roles[next(iter(noun.uses))]))):
                yield Head(_bare(noun.text), "noun", "noun", noun.uses, (), noun.weight)

    def _says_enough(self, role: Role) -> bool:
        """Whether a value alone tells what is wanted: a number or a place does not."""
        return role.name not in ("identifier", "destination") and not self._needs_noun

    def _alias_heads(self) -> Iterator[Head]:
        for alias in self.function.aliases:
            phrase = re.sub(r" (?:to|at|for|in|on the|the)$", "", alias.strip().rstrip(".!?").lower())
            if is_verb_only(phrase) and self.objects:
                for noun in self.objects:
                    yield Head(f"{phrase} {noun.text}", "command", "alias", noun.uses, (), noun.weight)
            elif starts_with_verb(phrase):
                yield Head(phrase, "command", "alias", weight=4.0)
            else:
                yield Head(phrase, "noun", "alias", weight=3.0)

    def _may_say(self, construct: Construct) -> bool:
        """Whether a sentence about the thing is this function's: who undoes or alters wants its verb in the head."""
        undoes = self.name.group["class"] in _UNDOING or (self.name.verb in _ALTERING and self._near)
        return not undoes or any(self.name.verb in choices for choices in construct.heads)

    def _described_heads(self) -> Iterator[Head]:
        """What the description says to do, as somebody would ask for it: "tell how much time is left on my timer"."""
        phrase = _plain_command(self.function.description)
        nouns = {word.removesuffix("s") for noun in self.nouns for word in noun.split()}
        named = {w.removesuffix("s") for p in self.function.params for w in words_of(p.name)} - nouns
        if phrase is None or named & {w.removesuffix("s") for w in phrase.split()}:
            return
        lead, _, rest = phrase.partition(" ")
        for article in ("my", "the"):
            said = re.sub(r"\b(?:a|an|the)\b", article, rest)
            if re.match(r"(?:how|what|when|where|which|who)\b", said):
                yield Head(said, "question", "question", weight=6.0)
                yield Head(f"tell me {said}", "command", "question", weight=3.0)
            else:
                yield Head(f"{lead} {said}", "command", "alias", weight=3.0)

    def _construct_heads(self) -> Iterator[Head]:
        words = set(words_of(self.function.name))
        for alias in self.function.aliases:
            words |= set(words_of(alias))
        by_role: dict[str, list[str]] = {}
        for parameter in self.function.params:
            role = self.roles[parameter.name]
            for name in (role.name, *role.also):
                by_role.setdefault(name, []).append(parameter.name)
        for construct in lexicon().constructs:
            if words & construct.never or construct.unsaid & set(by_role) or not set(construct.roles) <= set(by_role):
                continue
            if _named_by(construct, words) and self._may_say(construct):
                for names in islice(product(*(by_role[r] for r in construct.roles)), _MOST_WAYS):
                    if len(set(names)) == len(names):
                        yield _from_construct(construct, dict(zip(construct.roles, names, strict=True)))


def _named_by(construct: Construct, words: set[str]) -> bool:
    """Whether each group of the head has a word of the name, and each another one."""
    met = [set(choices) & words for choices in construct.heads]
    return any(len(set(chosen)) == len(met) for chosen in product(*met))


def plural(noun: str) -> str:
    """The noun for several: "alarms"."""
    last = noun.split()[-1]
    if last.endswith("s") or last in lexicon().nouns["uncountable"]:
        return noun
    if last.endswith("y") and last[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if last.endswith(("ch", "sh", "x")) else f"{noun}s"


def _is_noun(role: Role) -> bool:
    """Whether the value is itself a name for the object: "song", "album"."""
    return bool(role.phrases) and all("{noun" not in template for template in role.phrases)


def _plain_command(description: str) -> str | None:
    """A short description that is a command and names no parameter, lower case, without its full stop."""
    sentence = re.split(r"[.;:,(]", description.strip(), maxsplit=1)[0].strip()
    words = sentence.lower().split()
    if not 3 <= len(words) <= 10 or " or " in sentence or _STAND_INS.search(sentence.lower()):
        return None
    return " ".join(words) if starts_with_verb(sentence) else None


def _form_of(text: str) -> Form:
    """How a frame may take up the words that ask for something to be told."""
    if re.match(r"what|which|how|do |are |is |any|can|could|whats", text):
        return "question"
    return "statement" if re.match(r"i\b", text) else "command"


def _from_construct(construct: Construct, by_role: dict[str, str]) -> Head:
    text = re.sub(r"\{(\w+)(\|mod)?\}", lambda m: f"{{{by_role[m[1]]}{m[2] or ''}}}", construct.text)
    form: Form = construct.form  # type: ignore[assignment]
    uses = frozenset(by_role[r] for r in construct.roles)
    return Head(text, form, "construct", uses, (), 1.0 + 1.5 * len(uses))


def _bare_objects(function: Function) -> Iterator[Role]:
    """The roles of free text that alone may be a request for `function`."""
    if read_name(function).group["class"] in _BARE_OBJECT | _VAGUE:
        roles = roles_of(function)
        yield from (roles[p.name] for p in function.params if p.kind == "text" and roles[p.name].object)


def _bare(text: str) -> str:
    return re.sub(r"^(?:the|my|a|an|some) ", "", text)

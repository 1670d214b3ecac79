"""How a function can be asked for: heads (verb and object, question, bare noun) that leave slots for its parameters.

A head says which parameters it uses and which values its verb implies. What it does not use is said by carriers,
in `sentences.py`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product
from typing import Any

from octocli.core.spec import Function
from octocli.teachers.builtin.language import Language
from octocli.teachers.builtin.lexicon import Construct, Form, Lexicon, form_of
from octocli.teachers.builtin.naming import Name, indefinite, is_verb_only, starts_with_verb
from octocli.teachers.builtin.objects import BARE_OBJECT, NounPhrase, Thing, plural
from octocli.teachers.builtin.roles import words_of
from octocli.teachers.builtin.surfaces import done_to, state_adjectives, state_verbs

# Classes that undo what the sentences of the phrase book ask for, and verbs that alter it beside one that makes it.
_UNDOING = frozenset({"remove", "cancel", "stop", "pause", "resume", "mute", "close", "skip"})
# Classes that do something with what is there: they neither make nor undo it.
_HANDLING = frozenset(
    "archive pin share copy forward tag rename hide download upload print restore move back_up sync".split()
)
_ALTERING = frozenset({"update", "edit", "modify", "reschedule", "rename", "change", "move"})
# Parameters of one role that a sentence is tried with: a city, a state, a country.
_MOST_WAYS = 4
# Words of a description that stand for a parameter, not for themselves.
_STAND_INS = re.compile(
    r"\b(?:something|someone|somebody|person|people|place|group|item|users?|its|their|given|another|two|specific)\b"
)

# "One of your listings" is "my listing" to whoever asks.
_ONE_OF = re.compile(r"\bone of (?:your|my|the) (\w+?)s\b", re.IGNORECASE)
# Two verbs of which one undoes the other.
_EITHER = re.compile(r"(\w+?)s? or (un|dis|de)(\w+?)s? (?:an?|the|one|your|my|some|all)\b", re.IGNORECASE)

# Classes whose functions have something done.
_SERVING = frozenset({"request", "order", "book", "start", "create", "other"})
# Words that are verbs elsewhere, and open no command in a list of values.
_NO_COMMANDS = frozenset({"open", "full", "best", "last", "next", "show", "back", "check", "record", "time", "start"})

# Names of parameters that say whether what a function is for is so.
_IN_FORCE = frozenset({"enabled", "enable", "on", "active", "activated"})
# Pairs of verbs, the first of which is what a function is for.
_OPPOSITES = re.compile(r"(hide|pause|block|snooze)s? or (show|resume|allow|wake)s? ")
# Of several functions for one thing, those that its noun alone may ask for: "alarm for 7" sets one.
_BY_NOUN = frozenset({"create", "log", "book", "order", "send", "navigate", "play", "search", "note", "photo", "call"})


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


class Phrasing(Thing):
    """Everything the grammar knows about asking for one function, beside the `others` of its spec."""

    def __init__(self, function: Function, language: Language, others: Sequence[Function] = ()) -> None:
        super().__init__(function, language, others)
        self._siblings = [self.read_name(f) for f in self._others]

    @cached_property
    def heads(self) -> tuple[Head, ...]:
        """Every head, once."""
        made = [*self._state_heads(), *self._verb_heads(), *self._question_heads(), *self._noun_heads()]
        made += [
            *self._listed_commands(),
            *self._flagged_heads(),
            *self._described_states(),
            *self._line_heads(),
            *self._alias_heads(),
            *self._described_heads(),
            *self._construct_heads(),
        ]
        return tuple({(h.text, h.implies): h for h in made}.values())

    @cached_property
    def said_together(self) -> tuple[frozenset[str], ...]:
        """The parameters of each sentence that the phrase book has for this function, where it has any."""
        return tuple(head.uses for head in self.heads if head.source == "construct" and head.uses)

    @cached_property
    def implied(self) -> frozenset[str]:
        """The parameters whose values some head says without a slot."""
        return frozenset(name for head in self.heads for name, _ in head.implies)

    def _state_heads(self) -> Iterator[Head]:
        for parameter in self.states:
            values = [True, False] if parameter.kind == "boolean" else parameter.schema.get("enum", ())
            for value in values:
                implies = ((parameter.name, value),)
                for verb in state_verbs(value, parameter.name, parameter.schema, self.language):
                    for noun in self.objects:
                        text = verb.replace("{o}", noun.text).replace("{one}", "one")
                        yield Head(text, "command", "verb", _said_in(verb, noun), implies, noun.weight)
                for state in state_adjectives(value, parameter.name, parameter.schema, self.language):
                    for noun in self.objects:
                        yield Head(f"{_bare(noun.text)} {state}", "noun", "noun", noun.uses, implies, noun.weight)

    def _described_states(self) -> Iterator[Head]:
        """Of "Freeze or unfreeze a card" the verbs for both states."""
        told = _EITHER.match(self.function.description)
        switched = [p for p in self.states if p.kind == "boolean"]
        either = _OPPOSITES.match(self.function.description.lower())
        if either and not any(set(words_of(p.name)) & _IN_FORCE for p in switched):
            either = None
        if len(switched) != 1 or not (either or (told and _undoes(told, switched[0].name))):
            return
        verbs = (either[1], either[2]) if either else (told[1].lower(), f"{told[2]}{told[3]}".lower()) if told else ()
        for verb, value in zip(verbs, (True, False), strict=True):
            for noun in self.objects:
                implies = ((switched[0].name, value),)
                yield Head(f"{verb} {noun.text}", "command", "verb", noun.uses, implies, 2 * noun.weight)

    def _flagged_heads(self) -> Iterator[Head]:
        """A yes-or-no option before the noun, where its name is an adjective: "a billable timer", "urgent repairs"."""
        adjective = self.lexicon.patterns.get("adjective")
        if adjective is None:  # a language whose adjectives bend to their noun
            return
        a = self.name.group.get("article", "the") == "a"
        for parameter in self.function.params:
            flag = " ".join(words_of(parameter.name)).removeprefix("is ")
            if parameter.kind != "boolean" or parameter in self.states or not adjective.match(flag):
                continue
            for said, value in ((flag, True), (f"non-{flag}", False)):
                for noun in self.nouns[:2]:
                    words = f"{said} {noun}"
                    implies = ((parameter.name, value),)
                    yield Head(words, "noun", "noun", frozenset(), implies)
                    for verb in self._own_verbs[:4]:
                        object_ = f"{indefinite(words)} {words}" if a else f"the {words}"
                        yield Head(verb.replace("{o}", object_), "command", "verb", frozenset(), implies, 2.0)

    def _listed_commands(self) -> Iterator[Head]:
        """What a list of services says to do: of "make_bed" "make the bed"."""
        if self.name.group["class"] not in _SERVING:
            return
        for parameter in self.function.params:
            for value in parameter.schema.get("enum", ()) if parameter.required else ():
                words = words_of(str(value))
                if len(words) > 1 and self._is_command(words):
                    for text in done_to(words):
                        yield Head(text, "command", "construct", frozenset(), ((parameter.name, value),), 30.0)

    def _is_command(self, words: Sequence[str]) -> bool:
        """Whether a listed value is an English verb and its object: "make bed", but not "follow up"."""
        if self.lexicon.code != "en" or words[0] in _NO_COMMANDS:
            return False
        return starts_with_verb(words[0], self.lexicon) and words[1] not in self.lexicon.verbs["particles"]

    def _verb_heads(self) -> Iterator[Head]:
        alone = self.name.group.get("alone", ())
        for index, verb in enumerate(self._own_verbs):
            # Nobody orders an order.
            unlike = [n for n in self.objects if not (set(verb.split()) & set(n.text.split()[-1:]))]
            for noun in unlike or self.objects:
                weight = noun.weight * (3.0 if index == 0 else 1.0)
                if noun.text == "it" and alone:
                    continue
                yield Head(verb.replace("{o}", noun.text), "command", "verb", _said_in(verb, noun), (), weight)
        if not self.nouns and not any(p.required for p in self.function.params):
            yield from (Head(text, form, "verb", weight=3.0) for form, text in map(form_of, alone))

    def _line_heads(self) -> Iterator[Head]:
        """Whole sentences of the verb's class: "i no longer need {o}", "any {nouns}"."""
        for line in self.name.lines:
            form, text = form_of(line)
            if "{noun" in text:
                for name in self.nouns[:3]:
                    said = text.replace("{nouns}", plural(name, self.lexicon)).replace("{noun}", name)
                    yield Head(said, form, "line")
                continue
            for noun in self.objects:
                if noun.text != "it":
                    yield Head(text.replace("{o}", noun.text), form, "line", _said_in(text, noun), (), noun.weight)

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
        own = [s for s in self.name.says if s not in taken or s.startswith(f"{self.name.verb} ")]
        return tuple(own) or self.name.says

    def _question_heads(self) -> Iterator[Head]:
        if not self.name.asks:
            return
        for frame in self.lexicon.frames["query"]:
            for noun in self.objects:
                text = frame.text.replace("{o}", noun.text)
                if frame.weight and not (noun.text.endswith("s") and re.search(r"\b(?:is|'s)\b", frame.text)):
                    yield Head(text, _form_of(text), "question", noun.uses, (), frame.weight * noun.weight)
        yield from self._when_heads()
        for name in self.nouns[:3] if self.name.group["class"] == "query" else ():
            if name.split()[-1] not in self.lexicon.nouns["uncountable"]:
                for frame in self.lexicon.frames["many"]:
                    text = frame.text.replace("{nouns}", plural(name, self.lexicon))
                    yield Head(text, _form_of(text), "question", frozenset(), (), frame.weight)

    def _when_heads(self) -> Iterator[Head]:
        """Of the days of something, when it is: "when is the next collection"."""
        for noun in self.objects:
            of = re.fullmatch(rf"(.+) {self.lexicon.patterns['its_day'].pattern}", noun.text)
            if of is None or of[1] in ("the", "my"):
                continue
            for frame in self.lexicon.frames["when"]:
                text = frame.text.replace("{o}", of[1]).replace("{n}", _bare(of[1]))
                yield Head(text, _form_of(text), "question", noun.uses, (), frame.weight * noun.weight)

    def _noun_heads(self) -> Iterator[Head]:
        if self.name.group["class"] in ("remove", "cancel", "turn_off", "stop", "close", "pause", "mute"):
            return
        if self._near and self.name.group["class"] not in _BY_NOUN:
            return
        bare = self.name.group["class"] in BARE_OBJECT
        for noun in self.objects:
            slot_only = re.fullmatch(r"(?:the |my )?\{[^{}]*\}", noun.text) is not None
            if noun.text != "it" and (not slot_only or (bare and self.says_enough(self.roles[next(iter(noun.uses))]))):
                yield Head(_bare(noun.text), "noun", "noun", noun.uses, (), noun.weight)

    def _alias_heads(self) -> Iterator[Head]:
        for alias in self.function.aliases:
            phrase = re.sub(r" (?:to|at|for|in|on the|the)$", "", alias.strip().rstrip(".!?").lower())
            phrase = " ".join(re.sub(r"[{}]", " ", phrase).split())  # braces would be slots
            if is_verb_only(phrase, self.lexicon) and self.objects:
                for noun in self.objects:
                    yield Head(f"{phrase} {noun.text}", "command", "alias", noun.uses, (), noun.weight)
            elif starts_with_verb(phrase, self.lexicon):
                yield Head(phrase, "command", "alias", weight=4.0)
            else:
                yield Head(phrase, "noun", "alias", weight=3.0)

    @property
    def undoes(self) -> bool:
        """Whether it undoes or silences something that is there."""
        return self.name.group["class"] in _UNDOING

    def _may_say(self, construct: Construct) -> bool:
        """Whether a sentence about the thing is this function's: who undoes or alters wants its verb in the head."""
        undoes = self.undoes or self.name.group["class"] in _HANDLING or (self.name.verb in _ALTERING and self._near)
        return not undoes or any(self.name.verb in choices for choices in construct.heads)

    def _described_heads(self) -> Iterator[Head]:
        """What the description says to do, as somebody would ask for it: "tell how much time is left on my timer"."""
        phrase = _plain_command(self.function.description, self.lexicon)
        nouns = {word.removesuffix("s") for noun in self.nouns for word in noun.split()}
        named = {w.removesuffix("s") for p in self.function.params for w in words_of(p.name)} - nouns
        if phrase is None or named & {w.removesuffix("s") for w in phrase.split()}:
            return
        lead, _, rest = phrase.partition(" ")
        for article in ("a",) if self.name.group.get("article") == "a" else ("my", "the"):
            said = rest if article == "a" else re.sub(r"\b(?:a|an|the)\b", article, rest)
            if re.match(r"(?:how|what|when|where|which|who)\b", said) and self.name.asks:
                yield Head(said, "question", "question", weight=6.0)
                yield Head(f"tell me {said}", "command", "question", weight=3.0)
            else:
                yield Head(f"{lead} {said}", "command", "alias", weight=3.0)

    def _head_words(self) -> set[str]:
        """The words that sentences of the phrase book are chosen by."""
        words = set(words_of(self.function.name))
        for alias in self.function.aliases:
            words |= set(words_of(alias))
        return words

    def _construct_heads(self) -> Iterator[Head]:
        words = self._head_words()
        by_role: dict[str, list[str]] = {}
        for parameter in self.function.params:
            role = self.roles[parameter.name]
            for name in (role.name, *role.also):
                by_role.setdefault(name, []).append(parameter.name)
        for construct in self.lexicon.constructs:
            if words & construct.never or construct.unsaid & set(by_role) or not set(construct.roles) <= set(by_role):
                continue
            if _named_by(construct, words) and self._may_say(construct):
                for names in islice(product(*(by_role[r] for r in construct.roles)), _MOST_WAYS):
                    if len(set(names)) == len(names):
                        yield _from_construct(construct, dict(zip(construct.roles, names, strict=True)))


def _undoes(told: re.Match[str], name: str) -> bool:
    """Whether a verb undoes the one before, and the parameter is about that one: "freeze or unfreeze", `frozen`."""
    first = told[1].lower()
    return told[3].lower() == first.removeprefix("en") and any(w[:2] == first[:2] for w in words_of(name))


def _said_in(template: str, noun: NounPhrase) -> frozenset[str]:
    """The parameters that a template says with this name for its object: none, where it names no object."""
    return noun.uses if "{o}" in template else frozenset()


def _named_by(construct: Construct, words: set[str]) -> bool:
    """Whether each group of the head has a word of the name, and each another one."""
    met = [set(choices) & words for choices in construct.heads]
    return any(len(set(chosen)) == len(met) for chosen in product(*met))


def _plain_command(description: str, lexicon: Lexicon) -> str | None:
    """A short description that is a command and names no parameter, lower case, without its full stop."""
    sentence = re.split(r"[.;:,(]", description.strip(), maxsplit=1)[0].strip()
    sentence = _ONE_OF.sub(r"my \1", sentence)
    first, _, second = sentence.partition(" and ")
    if len(first.split()) > 2 and starts_with_verb(second, lexicon):  # what a program does beside it is not asked for
        sentence = first
    words = sentence.lower().split()
    if not 3 <= len(words) <= 10 or re.search(r" or |[{}\[\]<>]", sentence) or _STAND_INS.search(sentence.lower()):
        return None
    return " ".join(words) if starts_with_verb(sentence, lexicon) else None


def _form_of(text: str) -> Form:
    """How a frame may take up the words that ask for something to be told."""
    if re.match(r"what|when|which|how|do |are |is |any|can|could|whats", text):
        return "question"
    return "statement" if re.match(r"i\b", text) else "command"


def _from_construct(construct: Construct, by_role: dict[str, str]) -> Head:
    text = re.sub(r"\{(\w+)(\|\w+)?\}", lambda m: f"{{{by_role[m[1]]}{m[2] or ''}}}", construct.text)
    uses = frozenset(by_role[r] for r in construct.roles)
    return Head(text, construct.form, "construct", uses, (), 1.0 + 1.5 * len(uses))


def _bare(text: str) -> str:
    return re.sub(r"^(?:the|my|a|an|some) ", "", text)

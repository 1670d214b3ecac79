"""How a function can be asked for in German: heads from its description, its states, its aliases, the phrase book.

Function names are English more often than not, so the verb and the noun come from the description.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from octocli.core.spec import Function
from octocli.teachers.builtin.german.descriptions import read_description
from octocli.teachers.builtin.german.nouns import CASES, Case, gender, with_definite, with_indefinite
from octocli.teachers.builtin.german.verbs import Verb, has_verb, is_infinitive, split_verb
from octocli.teachers.builtin.lexicon import Form
from octocli.teachers.builtin.naming import Name
from octocli.teachers.builtin.objects import NounPhrase
from octocli.teachers.builtin.phrasing import Head, Phrasing
from octocli.teachers.builtin.roles import words_of
from octocli.teachers.builtin.surfaces import state_adjectives, state_verbs

# Classes that a bare noun does not ask for.
_NOT_BY_NOUN = frozenset({"remove", "cancel", "turn_off", "stop", "close", "pause", "mute"})
_MOST_NOUNS = 4


class GermanPhrasing(Phrasing):
    """Everything the German grammar knows about asking for one function."""

    def read_name(self, function: Function) -> Name:
        """The verb, the nouns and the ways to say the verb, from the description; the name helps where it is silent."""
        told = read_description(function.description, self.lexicon)
        verb = told.verb if told else None
        group = self._group([verb.whole if verb else "", verb.infinitive if verb else "", *words_of(function.name)])
        says = [f"{verb.noted} {{o}}"] if verb and not group.get("closed") else []
        group = {**group, "say": list(dict.fromkeys([*says, *group["say"]]))}
        return Name(verb.noted if verb else "", group, (told.noun,) if told and told.noun else ())

    def _group(self, words: list[str]) -> dict[str, Any]:
        for word in words:
            for group in self.lexicon.verbs["groups"]:
                if word and word in group["names"]:
                    return dict(group)
        return next(dict(g) for g in self.lexicon.verbs["groups"] if g["class"] == "other")

    def _own_nouns(self) -> list[str]:
        """The description's noun and what people say for it; of "die Helligkeit des Lichts" both with and without."""
        found: list[str] = []
        acted_on = any(self.roles[p.name].object for p in self.function.params)
        for noun in self.name.nouns:
            head = noun.split()[0]
            # "Schaltet ein Gerät": the device has a name, which is said in its place.
            if head.lower() in self.lexicon.nouns["generic"] and acted_on:
                continue
            found += [noun, *self.lexicon.nouns["synonyms"].get(noun, ())]
            found += [head, *self.lexicon.nouns["synonyms"].get(head, ())]
        return list(dict.fromkeys(found))

    @cached_property
    def objects(self) -> tuple[NounPhrase, ...]:
        """Noun phrases as a verb's object."""
        return tuple(dict.fromkeys(self._in_case("acc")))

    def _in_case(self, case: Case) -> Iterator[NounPhrase]:
        for index, noun in enumerate(self.nouns[: _MOST_NOUNS + 2]):
            weight = 2.0 if index == 0 else 1.0
            making = self.name.group.get("article") == "a"
            if making:
                yield NounPhrase(with_indefinite(noun, case, self.lexicon), weight=2 * weight)
            yield NounPhrase(with_definite(noun, case, self.lexicon), weight=weight)
            if " " not in noun:
                yield NounPhrase(with_indefinite(noun, case, self.lexicon, "mein"), weight=0.08 * weight)
        if self.object is None:
            return
        name, role = self.object.name, self.roles[self.object.name]
        uses = frozenset({name})
        if self.object.kind != "enum" or role.article == "none":
            yield NounPhrase(f"{{{name}}}", uses, 4.0)
        else:
            yield NounPhrase(f"{{{name}|{case}}}", uses, 4.0)
            if self.states:
                # "Schalte Ventilator an", as people type.
                yield NounPhrase(f"{{{name}}}", uses, 0.8)
        for template in role.phrases:
            for form in CASES:
                template = template.replace(f"{{{form}}}", f"{{{name}|{form}}}")
            yield NounPhrase(template.replace("{}", f"{{{name}}}"), uses, 2.0)

    def _state_heads(self) -> Iterator[Head]:
        for parameter in self.states:
            values = [True, False] if parameter.kind == "boolean" else parameter.schema.get("enum", ())
            for value in values:
                implies = ((parameter.name, value),)
                for verb in state_verbs(value, parameter.name, parameter.schema, self.language):
                    for noun in self.objects:
                        text = verb.replace("{o}", noun.text)
                        yield Head(text, _form_of(text), "verb", noun.uses, implies, noun.weight)
                for state in state_adjectives(value, parameter.name, parameter.schema, self.language):
                    for bare, uses in self._bare():
                        yield Head(f"{bare} {state}", "noun", "noun", uses, implies, 3.0)

    def _bare(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Names without an article, as in a command of two words: "Licht aus"."""
        yield from ((noun, frozenset[str]()) for noun in self.nouns[:_MOST_NOUNS])
        if self.object is not None:
            yield f"{{{self.object.name}}}", frozenset({self.object.name})

    def _verb_heads(self) -> Iterator[Head]:
        if self.states:
            return
        for index, verb in enumerate(self._own_verbs):
            for noun in self.objects:
                weight = noun.weight * (2.0 if index == 0 else 1.0)
                yield Head(verb.replace("{o}", noun.text), "command", "verb", noun.uses, (), weight)

    def _question_heads(self) -> Iterator[Head]:
        if not self.name.asks:
            return
        for frame in self.lexicon.frames["query"]:
            case: Case = next((c for c in CASES if f"{{{c}}}" in frame.text), "acc")
            for noun in self._in_case(case):
                text = frame.text.replace(f"{{{case}}}", noun.text)
                yield Head(text, _form_of(text), "question", noun.uses, (), frame.weight * noun.weight)

    def _noun_heads(self) -> Iterator[Head]:
        if self.states or self.name.group["class"] in _NOT_BY_NOUN:
            return
        for bare, uses in self._bare():
            if not uses or (self.object is not None and self.says_enough(self.roles[self.object.name])):
                yield Head(bare, "noun", "noun", uses, (), 1.0)

    def _alias_heads(self) -> Iterator[Head]:
        for alias in self.function.aliases:
            text = _noted_alias(alias.strip().rstrip(".!?"), self)
            yield Head(text, _form_of(text) if has_verb(text) else "noun", "alias", weight=3.0)

    def _described_heads(self) -> Iterator[Head]:
        """Nothing: the description has given the verb already."""
        yield from ()

    def _head_words(self) -> set[str]:
        """The words that sentences of the phrase book are chosen by: the description's, too."""
        return super()._head_words() | set(words_of(self.function.description))


def _noted_alias(alias: str, phrasing: Phrasing) -> str:
    """An alias with its verb in brackets: "Licht dimmen" and "dimme das Licht" are both "[dimmen] das Licht"."""
    *rest, last = alias.split()
    if not rest or not is_infinitive(last):
        return alias
    verb: Verb = split_verb(last, phrasing.lexicon)
    if len(rest) == 1 and gender(rest[0], phrasing.lexicon):
        rest = [with_definite(rest[0], "acc", phrasing.lexicon)]
    return f"{verb.noted} {' '.join(rest)}"


def _form_of(text: str) -> Form:
    """How a frame may take up a head: a verb in brackets is a command's."""
    if has_verb(text):
        return "command"
    return "question" if re.match(r"(?:wie|was|wo|wann|welche|ist|sind|gibt|kann|läuft|hat)\b", text) else "statement"

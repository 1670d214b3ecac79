"""Requests that no function serves: talk, other apps, and the app's own things with what it cannot do.

A pattern's side of the split is decided by the pattern alone, frames and fillers aside, so that a refusal is measured
on patterns that were never trained. What `Nearness` takes for a request to the spec is left out.
"""

import datetime as dt
import random
import re
from collections.abc import Iterator

from octocli.core.samples import Sample, Split
from octocli.core.spec import Spec
from octocli.core.splits import bucket_of, normal
from octocli.teachers.builtin.filling import SLOT, fill
from octocli.teachers.builtin.lexicon import Stub, lexicon
from octocli.teachers.builtin.naming import gerund, indefinite
from octocli.teachers.builtin.nearness import Nearness
from octocli.teachers.builtin.noise import roughen
from octocli.teachers.builtin.phrasing import Phrasing
from octocli.teachers.builtin.sentences import Clause, Grammar, framed, weighted
from octocli.teachers.builtin.values import ValueSource

KINDS = ("chit-chat", "other-app", "near-miss")
TRIES = 400
_NOW = dt.datetime(2026, 1, 5, 9, 0)
_QUESTION = re.compile(
    r"(?:what|who|how|why|when|where|which|is|are|does|did|can|should|will|would|do (?:you|i|we|they|people))\b"
)
_TALK = re.compile(r"(?:i|i'm|my|you|it|we|the|there)\b")


class NegativeWriter:
    """Writes negatives for one spec."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.phrasings = [Phrasing(f) for f in spec.functions]
        self.nearness = Nearness(self.phrasings)

    def stream(self, kind: str, split: Split, rng: random.Random) -> Iterator[Sample]:
        """An endless stream, or one that ends when `TRIES` draws in a row came to nothing."""
        draw = {"chit-chat": self._chat, "other-app": self._other, "near-miss": self._near}[kind](split, rng)
        failures = 0
        while failures < TRIES:
            sample = next(draw)
            failures = failures + 1 if sample is None else 0
            if sample is not None:
                yield sample

    def _chat(self, split: Split, rng: random.Random) -> Iterator[Sample | None]:
        lines = [line for line in lexicon().chat if bucket_of(_skeleton(line)) == split]
        fixed = [line for line in lines if "{" not in line]
        open_lines = [line for line in lines if "{" in line]
        if not lines:
            return
        while True:
            # Patterns with fillers give many queries each, a fixed line one: drawn by what they have to give.
            line = rng.choice(fixed if fixed and (rng.random() < 0.3 or not open_lines) else open_lines)
            text = filled(line, rng)
            if rng.random() < 0.12:
                text = weighted(lexicon().frames["question"], rng).replace("{q}", text)
            yield self._sample("chit-chat", line, text, rng, question=bool(_QUESTION.match(line)))

    def _other(self, split: Split, rng: random.Random) -> Iterator[Sample | None]:
        stubs = [(s, [t for t in s.says if bucket_of(_skeleton(t)) == split]) for s in self._stubs()]
        stubs = [(s, says) for s, says in stubs if says]
        if not stubs:
            return
        while True:
            _, says = rng.choice(stubs)
            line = rng.choice(says)
            question, text = line.startswith("?"), filled(line.lstrip("?"), rng)
            plain = question or _TALK.match(text) is not None
            text = framed(Clause(text, "question" if question else "statement" if plain else "command"), rng)
            yield self._sample("other-app", line, text, rng, question=question)

    def _stubs(self) -> list[Stub]:
        """Other apps' functions, less what the spec does: a saying of it is dropped, and a stub that is mostly it."""
        kept = []
        for stub in lexicon().stubs:
            says = tuple(t for t in stub.says if not self.nearness.serves(SLOT.sub(" ", t)))
            if len(says) * 3 > len(stub.says) * 2:
                kept.append(Stub(stub.domain, stub.name, says))
        return kept

    def _near(self, split: Split, rng: random.Random) -> Iterator[Sample | None]:
        lines = [line for line in lexicon().near if bucket_of(_skeleton(line)) == split]
        grammars = [Grammar(p) for p in self.phrasings]
        source = ValueSource(rng, split)
        while lines:
            line, grammar = rng.choice(lines), rng.choice(grammars)
            text = self._near_text(line.lstrip("!"), grammar, source, rng)
            if text is None or self._is_served(line, text, grammar.phrasing):
                yield None
                continue
            if line.startswith("!"):
                text = framed(Clause(text, "command"), rng)
            yield self._sample("near-miss", line, text, rng, question=bool(_QUESTION.match(line)))

    def _near_text(self, line: str, grammar: Grammar, source: ValueSource, rng: random.Random) -> str | None:
        nouns = [n for n in grammar.phrasing.nouns if len(n) > 2] or self.nearness.things(grammar.phrasing)
        if not nouns:
            return None
        noun = rng.choice(nouns)
        if "{x}" in line:
            noun = rng.choice(lexicon().foreign)
            if self.nearness.knows(noun):
                return None
        text = line.replace("{np}", f"{rng.choice(('the', 'my', 'my', 'this'))} {noun}").replace("{x}", noun)
        alone = noun if noun.endswith("s") else f"{indefinite(noun)} {noun}"
        text = re.sub(r"\b(?:a|an) \{n\}", alone, text).replace("{n}", noun)
        text = re.sub(r"\ba (?=(?:new|used) \S+s\b)|\ban (?=old \S+s\b)", "", text)
        if "{c}" in text or "{g}" in text:
            clause = self._own_clause(grammar, source, rng)
            if clause is None:
                return None
            text = text.replace("{c}", clause).replace("{g}", gerund(clause))
        return filled(text, rng)

    def _own_clause(self, grammar: Grammar, source: ValueSource, rng: random.Random) -> str | None:
        """A request in the spec's own words, to be talked about rather than made."""
        phrasing, values, slots = grammar.phrasing, {}, {}
        for parameter in phrasing.function.params:
            if parameter.required or rng.random() < 0.2:
                value = source.draw(parameter.name, parameter, phrasing.roles[parameter.name], _NOW)
                if value is None:
                    return None
                values[parameter.name] = value
                slots[parameter.name] = (parameter, value, f"/0/arguments/{parameter.name}")
        clause = grammar.clause(values, rng, plain=True)
        if clause is None or re.match(r"(?:i|i'm|we|can|it|give me|let me)\b", clause.text):
            return None
        led = [name for name, role in phrasing.roles.items() if role.leads]
        done = fill(clause.text, slots, _NOW, rng, led=led)
        return done.query if done else None

    def _is_served(self, line: str, text: str, phrasing: Phrasing) -> bool:
        """Whether a near-miss comes out as something that the spec does after all."""
        if line.startswith("!"):
            return self.nearness.acts(text)
        if "{c}" in line or "{g}" in line:
            return False
        return "{x}" in line and self.nearness.serves(text)

    def _sample(self, kind: str, line: str, text: str, rng: random.Random, *, question: bool) -> Sample | None:
        if kind == "chit-chat" and self.nearness.serves(text):
            return None
        query = " ".join(roughen(text.replace("{", "").replace("}", ""), rng, question).split())
        return Sample(query, (), kind, None, "builtin", skeleton=_skeleton(line)) if query else None


def filled(line: str, rng: random.Random) -> str:
    """A line with its topics filled in, lower case now and then as people type."""
    topics = lexicon().topics
    lower = rng.random() < 0.4

    def one(match: "re.Match[str]") -> str:
        pool = topics.get(match[1])
        text = rng.choice(pool) if pool else match[0]
        return text.lower() if lower and pool else text

    text = re.sub(r"\{(\w+)\}", one, line)
    return re.sub(r"\b(a|an) (?=(\w+))", lambda m: f"{indefinite(m[2])} ", text)


def _skeleton(line: str) -> str:
    return normal(SLOT.sub("{}", line.lstrip("!?")))

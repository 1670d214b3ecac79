"""The decode loop, asked of an engine that is known to the last digit: it holds a few answers, each with its share."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from test_grammar import byte_tokenizer
from tiny_projects import fun, obj, spec_of, table_of

from octocli.core.manifest import Manifest
from octocli.core.prompts import make_prompt
from octocli.runtime.decoding import decode, to_pieces
from octocli.runtime.grammar import make_grammar

SIZE = 320


class Answering:
    """An engine over single bytes whose next id is that of one of its answers that begin as what was read does."""

    def __init__(self, manifest: Manifest, answers: Mapping[str, float]) -> None:
        self.manifest = manifest
        self.reads = 0
        tokens = manifest.tokens.all_tokens(manifest.spec)
        self.special: Mapping[str, int] = {token: 300 + i for i, token in enumerate(tokens)}
        self.answers = {tuple(self._ids(text)): share for text, share in answers.items()}

    def _ids(self, text: str) -> list[int]:
        """ "go()" as the function's token and bytes; the end token closes it."""
        ids: list[int] = []
        names = {f.name: self.special[self.manifest.tokens.token(f.name)] for f in self.manifest.spec.functions}
        for call in text.split(" & "):
            name, _, rest = call.partition("(")
            ids += ([*b";"] if ids else []) + [names[name], *f"({rest}".encode()]
        return [*ids, self.special[self.manifest.tokens.end]]

    def read(self, ids: Sequence[int], last: int = 1) -> np.ndarray:
        self.reads += 1
        return np.stack([self._logits(tuple(ids[1 : len(ids) - last + 1 + i])) for i in range(last)])

    def _logits(self, written: tuple[int, ...]) -> np.ndarray:
        logits = np.full(SIZE, -30.0)
        for answer, share in self.answers.items():
            if answer[: len(written)] == written and len(answer) > len(written):
                token = answer[len(written)]
                logits[token] = math.log(share + math.exp(logits[token]))
        return logits

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(ids).decode()


SPEC = spec_of(fun("go"), fun("say", obj({"text": {"type": "string"}}, ("text",))))


def _engine(answers: Mapping[str, float]) -> Any:
    return Answering(Manifest(SPEC, table_of(SPEC), make_prompt("short"), {}, {}, most_calls=3), answers)


def _matcher(engine: Any) -> Any:
    grammar = make_grammar(engine.manifest, engine.special)
    return grammar.matcher(byte_tokenizer(list(engine.special), 300), "any")


def _said(answers: Mapping[str, float]) -> str:
    engine, tokens = _engine(answers), table_of(SPEC)
    decoded = decode(engine, _matcher(engine), [0])
    assert decoded.finished
    names = {tokens.token(f.name): f.name for f in SPEC.functions} | {tokens.end: "."}
    return "".join(names.get(piece.text, piece.text) for piece in to_pieces(engine, decoded.ids))


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"go()": 0.4, "go() & go()": 0.6}, "go()."),
        ({"go()": 0.2, "go() & go()": 0.8}, "go();go()."),
        ({'say("a")': 0.45, 'say("a") & go()': 0.55}, 'say("a").'),
        ({'say("a")': 0.1, 'say("a") & go()': 0.3, 'say("a") & go() & go()': 0.6}, 'say("a");go().'),
    ],
)
def test_a_second_call_is_made_only_where_it_is_far_likelier_than_none(answers, said) -> None:
    assert _said(answers) == said


@pytest.mark.parametrize("text", ["a; b", "x);go()", ");", 'q");z'])
def test_a_separator_within_a_text_is_text(text) -> None:
    # A rival goes on otherwise wherever a separator stands: the text has three fifths there.
    rivals = [f"say({json.dumps(text[:i] + 'u')})" for i, sign in enumerate(text) if sign == ";"]
    said = f"say({json.dumps(text)})"
    assert _said({said: 0.6, **dict.fromkeys(rivals, 0.4 / len(rivals))}) == f"{said}."


@pytest.mark.parametrize(
    ("guess", "reads"),
    [
        ('say("abcdefgh")', 1),
        ('go("abcdefgh")', 2),  # another function, and the rest as it is
        ('say("xyzabcdefgh")', 2),  # more than is said
        ('say("aXcdXfgh")', 3),
    ],
)
def test_a_draft_that_is_wrong_in_one_place_is_right_in_the_rest(guess, reads) -> None:
    engine = _engine({'say("abcdefgh")': 1.0})
    draft = engine._ids(guess)
    decoded = decode(engine, _matcher(engine), [0], draft=draft)
    assert list(decoded.ids) == engine._ids('say("abcdefgh")') and engine.reads == reads

"""The decode loop: greedy (or sampled) ids under the grammar, the function choice first, with its distribution.

The same loop serves every engine, so transformers and GGUF differ in weights only. A draft, if one is given, is checked
many ids at a time; the answer is the same with and without it.
"""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from octocli.core.calibration import EVEN
from octocli.core.calls import CALL_SEPARATOR, Piece
from octocli.runtime.engine import Engine

MAX_NEW_TOKENS = 256
# Raised whenever the rules below give another answer to the same logits: answers that were kept are void then.
REVISION = 3
# People ask for two things about half as often as the rows that teach it, so a second call needs twice even odds. Where
# the grammar had to bend the model's words, it is what a lost model writes on with, at next to no probability.
_SURE_OF_ANOTHER = 2 / 3
# By how much the app in the foreground is likelier meant than another: a hint, which a surer other app overrules.
FOREGROUND_ODDS = 10.0
# A text, to its end or as far as it is written.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*(?:"|$)')


@dataclass(frozen=True)
class Decoded:
    """What the model wrote.

    Attributes:
        ids: new ids, the end token included if it was reached.
        choices: probability of each function token and *none* as the first token, by token text; sums to 1.
        finished: whether the grammar came to its end within the limit.
    """

    ids: tuple[int, ...]
    choices: dict[str, float]
    finished: bool


@dataclass(frozen=True)
class Sampling:
    """How the next id is drawn: greedily at temperature 0, else at random from `generator`."""

    temperature: float = 0.0
    generator: np.random.Generator | None = None

    def pick(self, logits: np.ndarray) -> int:
        """The next id; forbidden ones hold minus infinity."""
        if not self.temperature or self.generator is None:
            return int(logits.argmax())
        return int(self.generator.choice(len(logits), p=softmax(logits / self.temperature)))


GREEDY = Sampling()


def decode(
    engine: Engine,
    matcher: Any,
    prompt: Sequence[int],
    *,
    draft: Sequence[int] = (),
    ahead: np.ndarray | None = None,
    sampling: Sampling = GREEDY,
    refuse_above: float = EVEN,
    favoured: Collection[str] = (),
    limit: int = MAX_NEW_TOKENS,
) -> Decoded:
    """Answer a prompt.

    Args:
        engine: the model.
        matcher: a llguidance matcher in its initial state; it is used up.
        prompt: ids of the whole prompt.
        draft: a guess at the answer, e.g. another model's; wrong guesses cost time only.
        ahead: logits [1 + len(draft), vocabulary] after the prompt and each drafted id, if they are read already.
        sampling: greedy by default.
        refuse_above: the probability of *none* above which it is the answer, and below which it is not.
        favoured: function tokens of the app in the foreground.
        limit: most new ids.
    """
    end = engine.special[engine.manifest.tokens.end]
    draft = draft[:limit]
    rows = engine.read([*prompt, *draft], 1 + len(draft)) if ahead is None else ahead
    leaning = _leaning(engine, rows[0], favoured)
    choices = choices_of(engine, leaning)
    first = _settled(engine, leaning, choices, refuse_above)
    guess, ids = list(draft), list[int]()
    while len(ids) < limit:
        for position, logits in enumerate(rows):
            token = _next(logits if ids else first, matcher, sampling)
            while _begins_another_call(engine, ids, token) and softmax(logits)[token] < _SURE_OF_ANOTHER:
                logits = _without(logits, token)
                token = _next(logits, matcher, sampling)
            ids.append(token)
            if token == end:
                return Decoded(tuple(ids), choices, finished=True)
            matcher.consume_token(token)
            if guess[position : position + 1] != [token] or len(ids) == limit:
                break
        guess = _rest(guess, position, token)
        rows = engine.read([*prompt, *ids, *guess], 1 + len(guess))
    return Decoded(tuple(ids), choices, finished=False)


def _rest(guess: Sequence[int], wrong: int, token: int) -> list[int]:
    """What a draft may still be right about once its id at `wrong` was another: what follows that one later on, or else
    what follows its place."""
    later = [i for i in range(wrong + 1, len(guess)) if guess[i] == token]
    return list(guess[later[0] + 1 if later else wrong + 1 :])


def _begins_another_call(engine: Engine, ids: Sequence[int], token: int) -> bool:
    """Whether a token closes a call and has another one follow. A separator within a text is that text's own."""
    if token in engine.special.values() or not engine.decode([token]).endswith(CALL_SEPARATOR):
        return False
    return _STRING.sub("", to_pieces(engine, [*ids, token])[-1].text).endswith(f"){CALL_SEPARATOR}")


def _without(logits: np.ndarray, token: int) -> np.ndarray:
    left = logits.copy()
    left[token] = -np.inf
    return left


def _next(logits: np.ndarray, matcher: Any, sampling: Sampling) -> int:
    """The best id if the grammar takes it; only if not is the whole mask computed (0.17 ms instead of 0.01)."""
    if not sampling.temperature:
        best = int(logits.argmax())
        if matcher.validate_tokens([best]) == 1:
            return best
    bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
    allowed = np.unpackbits(bits, bitorder="little")[: len(logits)].astype(bool)
    allowed = np.pad(allowed, (0, len(logits) - len(allowed)))
    if not allowed.any():
        raise RuntimeError(f"the grammar allows nothing here: {matcher.get_error()}")
    return sampling.pick(np.where(allowed, logits, -np.inf))


def choices_of(engine: Engine, logits: np.ndarray) -> dict[str, float]:
    """The softmax over functions and *none*: what the model would call, and how sure it is."""
    manifest = engine.manifest
    tokens = [*manifest.tokens.tokens(manifest.spec).values(), manifest.tokens.none]
    shares = softmax(logits[[engine.special[t] for t in tokens]] / manifest.calibration.temperature)
    return {token: float(share) for token, share in zip(tokens, shares, strict=True)}


def _leaning(engine: Engine, logits: np.ndarray, favoured: Collection[str]) -> np.ndarray:
    """The first logits with the odds of the favoured functions raised, as they are after calibration."""
    leaning = logits.copy()
    leaning[[engine.special[t] for t in favoured]] += engine.manifest.calibration.temperature * math.log(
        FOREGROUND_ODDS
    )
    return leaning


def _settled(engine: Engine, logits: np.ndarray, choices: dict[str, float], refuse_above: float) -> np.ndarray:
    """The first logits with *none* alone among the choices, or with all but *none*."""
    none = engine.manifest.tokens.none
    refused = choices[none] > refuse_above
    shut = [engine.special[token] for token in choices if (token == none) != refused]
    settled = logits.copy()
    settled[shut] = -np.inf
    return settled


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits, in double precision so that they sum to 1."""
    shifted = np.exp(logits.astype(np.float64) - np.max(logits))
    return np.asarray(shifted / shifted.sum())


def to_pieces(engine: Engine, ids: Sequence[int]) -> list[Piece]:
    """New ids as the pieces of a target: octo's tokens by id, the rest as text."""
    names = {i: text for text, i in engine.special.items()}
    pieces: list[Piece] = []
    plain: list[int] = []
    for token in ids:
        if token in names:
            pieces += [Piece(engine.decode(plain))] if plain else []
            plain = []
            pieces.append(Piece(names[token], special=True))
        else:
            plain.append(token)
    return pieces + ([Piece(engine.decode(plain))] if plain else [])

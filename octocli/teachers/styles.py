"""How the planned words are to be said: persona, length, tone and form, each combination in its turn.

Item k of a cell takes k-th values of four shuffled lists. The lists are walked as in a Latin square, so within 20 items
every persona speaks once and every length meets every form, and no two axes move together for long.
"""

import math
from collections.abc import Sequence

from octocli.teachers.base import cell_random

PERSONAS = (
    "a busy parent", "a student", "a retired teacher", "a nurse after a night shift", "a taxi driver", "a teenager",
    "somebody whose first language is not English", "a shop owner", "a cook", "an engineer who likes few words",
    "somebody driving a car", "a tourist", "a farmer", "a musician", "somebody with flu", "a polite old gentleman",
    "a coach in a hurry", "a parent with a baby on the arm", "a lawyer", "somebody who chats with friends all day",
)  # fmt: skip
LENGTHS = ("three to six words", "one short sentence", "one sentence of ten to fifteen words", "two sentences")
TONES = ("as an order", "as a question", "as a wish", "politely", "casually", "in fragments, without a verb",
         "with the reason told first")  # fmt: skip
FORMS = (
    "typed with care", "typed in lower case without punctuation", "spoken and written down by a machine",
    "with the usual short forms of chat", "typed with a slip of the finger that touches no value",
)  # fmt: skip
AXES: dict[str, Sequence[str]] = {"persona": PERSONAS, "length": LENGTHS, "tone": TONES, "form": FORMS}


class Styles:
    """The styles of one cell, by the number of the item."""

    def __init__(self, seed: int, cell: str) -> None:
        self._axes = []
        for name, values in AXES.items():
            shuffled = list(values)
            cell_random(seed, "style", cell, name).shuffle(shuffled)
            self._axes.append(shuffled)

    def __getitem__(self, item: int) -> tuple[str, ...]:
        """One value of each axis."""
        rounds = item // len(PERSONAS)
        return tuple(axis[(item + rounds * moves) % len(axis)] for axis, moves in zip(self._axes, _MOVES, strict=True))


# An axis whose length shares a factor with that of the first would meet the same of its values in every round: it moves
# on by one.
_MOVES = [name != "persona" and math.gcd(len(values), len(PERSONAS)) > 1 for name, values in AXES.items()]

"""What completions cost, kept so that a budget is never passed: not even by requests that are on their way.

Before each try its greatest possible price is held back. What came back whole is paid as counted; what was refused is
owed nothing; what was lost on the way may have been computed and paid for, so its greatest price stays held.
"""

import threading
from dataclasses import dataclass, replace

from octocli.teachers.completions import Reply, Request

# A provider's own frame around system and prompt: roles, separators, schema wrapping.
_FRAME_TOKENS = 64


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens."""

    tokens_in: float
    tokens_out: float

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """The price of so many tokens."""
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6

    def at_most(self, request: Request) -> float:
        """What a request can cost at most: no token is shorter than a byte."""
        text = f"{request.system}{request.prompt}{request.schema or ''}"
        return self.of(len(text.encode()) + _FRAME_TOKENS, request.max_tokens)


FREE = Price(0.0, 0.0)


@dataclass(frozen=True)
class Tally:
    """Sums so far. `unknown` replies were lost on the way; `spent` and `held` are US dollars.

    `held` is the greatest price of what is unknown or still on its way.
    """

    asked: int = 0
    replies: int = 0
    unknown: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    spent: float = 0.0
    held: float = 0.0

    @property
    def most(self) -> float:
        """US dollars that may have been spent: what is known, and the most that the unknown can come to."""
        return self.spent + self.held


class Bill:
    """The tally of one run, shared by its threads; with a budget, it says no in time."""

    def __init__(self, price: Price, budget: float | None = None, start: Tally = Tally()) -> None:
        self.price = price
        self.budget = budget
        self._tally = start
        self._lock = threading.Condition()
        self._on_the_way = 0

    @property
    def tally(self) -> Tally:
        """The sums at this moment."""
        with self._lock:
            return self._tally

    def hold(self, request: Request) -> bool:
        """Hold back what a try can cost at most; False, and nothing held, where the budget may not suffice.

        Waits for what is on its way: it mostly costs less than was held for it.
        """
        most = self.price.at_most(request)
        with self._lock:
            self._lock.wait_for(lambda: self._suffices(most) or not self._on_the_way)
            if not self._suffices(most):
                return False
            self._on_the_way += 1
            self._tally = replace(self._tally, asked=self._tally.asked + 1, held=self._tally.held + most)
            return True

    def _suffices(self, most: float) -> bool:
        return self.budget is None or self._tally.spent + self._tally.held + most <= self.budget

    def pay(self, request: Request, reply: Reply) -> None:
        """A reply came: pay what it says, or all that was held where it does not say."""
        counted = reply.tokens_in is not None and reply.tokens_out is not None
        tokens_in, tokens_out = reply.tokens_in or 0, reply.tokens_out or 0
        most = self.price.at_most(request)
        with self._lock:
            now = self._tally
            self._settle(
                replace(
                    now,
                    replies=now.replies + 1,
                    tokens_in=now.tokens_in + tokens_in,
                    tokens_out=now.tokens_out + tokens_out,
                    spent=now.spent + (self.price.of(tokens_in, tokens_out) if counted else most),
                    held=now.held - most,
                )
            )

    def refused(self, request: Request) -> None:
        """The other side did not serve: nothing is owed."""
        with self._lock:
            self._settle(replace(self._tally, held=self._tally.held - self.price.at_most(request)))

    def lost(self) -> None:
        """Nobody knows what became of a request: it stays held."""
        with self._lock:
            self._settle(replace(self._tally, unknown=self._tally.unknown + 1))

    def _settle(self, tally: Tally) -> None:
        self._tally = tally
        self._on_the_way -= 1
        self._lock.notify_all()

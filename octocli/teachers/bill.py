"""What completions cost, kept so that a budget is never passed: not even by requests that are on their way.

Before each try its greatest possible price is held back, and written into the ledger if there is one. What came back
whole is paid as counted; what was refused is owed nothing; what was lost on the way may have been computed and paid
for, so its greatest price stays held.
"""

import threading
from dataclasses import dataclass, replace

from octocli.teachers.completions import Reply, Request
from octocli.teachers.ledger import Ledger, Sent
from octocli.teachers.prices import Price, most_tokens


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


class Bill:
    """The tally of one sitting, shared by its threads; with a budget, it says no in time.

    Args:
        price: of every request.
        budget: US dollars, `before` included; None for no limit.
        before: what earlier sittings spent, and may have.
        ledger: where each try is written down before it is made.
    """

    def __init__(
        self, price: Price, budget: float | None = None, before: float = 0.0, ledger: Ledger | None = None
    ) -> None:
        self.price = price
        self.budget = budget
        self.before = before
        self._ledger = ledger
        self._tally = Tally()
        self._lock = threading.Condition()
        self._on_the_way = 0

    @property
    def tally(self) -> Tally:
        """The sums at this moment."""
        with self._lock:
            return self._tally

    def hold(self, request: Request) -> Sent | None:
        """Hold back what a try can cost at most; None, and nothing held, where the budget may not suffice.

        Waits for what is on its way: it mostly costs less than was held for it.
        """
        most = self.price.at_most(request)
        with self._lock:
            self._lock.wait_for(lambda: self._suffices(most) or not self._on_the_way)
            if not self._suffices(most):
                return None
            sent = Sent.new(request.task, most_tokens(request))
            if self._ledger is not None:
                self._ledger.sent(sent)
            self._on_the_way += 1
            self._tally = replace(self._tally, asked=self._tally.asked + 1, held=self._tally.held + most)
            return sent

    def _suffices(self, most: float) -> bool:
        return self.budget is None or self.before + self._tally.spent + self._tally.held + most <= self.budget

    def pay(self, sent: Sent, reply: Reply) -> None:
        """A reply came: pay what it says, or all that was held where it does not say."""
        most = self.price.of(*sent.most)
        tokens_in, tokens_out = reply.tokens_in or 0, reply.tokens_out or 0
        with self._lock:
            now = self._tally
            self._settle(
                replace(
                    now,
                    replies=now.replies + 1,
                    tokens_in=now.tokens_in + tokens_in,
                    tokens_out=now.tokens_out + tokens_out,
                    spent=now.spent + (self.price.of(tokens_in, tokens_out) if reply.counted else most),
                    held=now.held - most,
                )
            )

    def refused(self, sent: Sent) -> None:
        """The other side did not serve: nothing is owed."""
        with self._lock:
            if self._ledger is not None:
                self._ledger.refused(sent)
            self._settle(replace(self._tally, held=self._tally.held - self.price.of(*sent.most)))

    def lost(self) -> None:
        """Nobody knows what became of a request: it stays held."""
        with self._lock:
            self._settle(replace(self._tally, unknown=self._tally.unknown + 1))

    def _settle(self, tally: Tally) -> None:
        self._tally = tally
        self._on_the_way -= 1
        self._lock.notify_all()

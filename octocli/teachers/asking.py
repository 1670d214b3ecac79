"""Asking a completer many things at once, politely: a few at a time, so many a minute, and again where that may help.

A reply is kept by the thread that got it, before anybody looks at it: whatever ends the asking (a budget, a wrong key,
Ctrl-C), what is on its way still arrives and is not paid for twice.
"""

import itertools
import random
import threading
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from octocli.teachers.bill import Bill
from octocli.teachers.completions import Completer, Fatal, Reply, Request, Transient
from octocli.teachers.ledger import Sent

Key = TypeVar("Key")


@dataclass(frozen=True)
class Manners:
    """How many requests at once and a minute, how often one is tried, and how long to wait in between, in seconds.

    `patience` is the longest wait that the other side may ask for; where it asks for more, the request is given up.
    """

    at_once: int = 4
    per_minute: float | None = None
    tries: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0
    patience: float = 600.0


@dataclass(frozen=True)
class Answer(Generic[Key]):
    """What became of a request: a reply, or the reason why there is none; and how many tries it took."""

    key: Key
    request: Request
    reply: Reply | None
    failure: str
    tries: int


class BudgetSpent(Exception):
    """The bill may not hold another try."""


Keep = Callable[[Request, Reply, Sent], Reply]


def _as_it_is(request: Request, reply: Reply, sent: Sent) -> Reply:
    return reply


class Asking:
    """A completer, asked under one bill with one set of manners.

    Args:
        completer: who is asked.
        bill: what is paid.
        manners: how.
        keep: called with each reply as soon as it is there, in the thread that got it; what it gives back counts.
    """

    def __init__(self, completer: Completer, bill: Bill, manners: Manners = Manners(), keep: Keep = _as_it_is) -> None:
        self.completer = completer
        self.bill = bill
        self.manners = manners
        self._keep = keep
        self._lock = threading.Lock()
        self._next_start = time.monotonic()
        self._chance = random.Random()  # of waiting times alone: nothing that is kept hangs on it

    def ask_all(self, requests: Iterable[tuple[Key, Request]]) -> Generator[Answer[Key]]:
        """Yield an answer for each request, as they are done; fewer where the budget ends.

        Who stops taking answers waits for the requests that are on their way, but for no further try.

        Raises:
            Fatal: the other side will not serve anything like this.
        """
        waiting = iter(requests)
        running: set[Future[Answer[Key]]] = set()
        leaving = threading.Event()
        with ThreadPoolExecutor(self.manners.at_once) as pool:
            try:
                while True:
                    for key, request in itertools.islice(waiting, self.manners.at_once - len(running)):
                        running.add(pool.submit(self._ask, key, request, leaving))
                    if not running:
                        return
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        try:
                            yield future.result()
                        except BudgetSpent:
                            waiting = iter(())
            finally:
                leaving.set()

    def _ask(self, key: Key, request: Request, leaving: threading.Event) -> Answer[Key]:
        failure = "given up before it was asked"
        for number in range(1, self.manners.tries + 1):
            if self._left(leaving):
                return Answer(key, request, None, failure, number - 1)
            result = self._try(request)
            if isinstance(result, Reply):
                return Answer(key, request, result, "", number)
            failure = str(result)
            pause = self._pause(number, result)
            if pause is None or number == self.manners.tries or leaving.wait(pause):
                return Answer(key, request, None, failure, number)
        raise AssertionError("unreachable")

    def _try(self, request: Request) -> Reply | Transient:
        """One try, on the bill whatever becomes of it."""
        sent = self.bill.hold(request)
        if sent is None:
            raise BudgetSpent
        try:
            reply = self._keep(request, self.completer.complete(request), sent)
        except Transient as error:
            if error.answered:
                self.bill.refused(sent)
            else:
                self.bill.lost()
            return error
        except Fatal:
            self.bill.refused(sent)
            raise
        except BaseException:
            self.bill.lost()
            raise
        self.bill.pay(sent, reply)
        return reply

    def _left(self, leaving: threading.Event) -> bool:
        """Wait until another request may start; True where nobody wants its answer any more."""
        with self._lock:
            start = max(self._next_start, time.monotonic())
            if self.manners.per_minute is not None:
                self._next_start = start + 60 / self.manners.per_minute
        return leaving.wait(max(0.0, start - time.monotonic()))

    def _pause(self, tries: int, error: Transient) -> float | None:
        """Seconds to wait after so many tries: twice as long each time, but no less than the other side asks for.

        Drawn from a range, so that those who were refused together do not come back together. What the other side asks
        for, it asks of all: nobody starts before. None where that is longer than anybody would wait.
        """
        longest = min(self.manners.first_wait * 2.0 ** (tries - 1), self.manners.longest_wait)
        if error.retry_after is None:
            return longest * self._chance.uniform(0.5, 1.0)
        if error.retry_after > self.manners.patience:
            return None
        with self._lock:
            self._next_start = max(self._next_start, time.monotonic() + error.retry_after)
        return error.retry_after + self._chance.uniform(0.0, 0.1) * longest

"""Asking a completer many things at once, politely: a few at a time, so many a minute, and again where that may help.

What comes back comes as it is done, in the caller's own thread, so that one writer can keep it. A bill that says no
ends the asking: what is on its way still arrives.
"""

import itertools
import random
import threading
import time
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from octocli.teachers.bill import Bill
from octocli.teachers.completions import Completer, Fatal, Reply, Request, Transient

Key = TypeVar("Key")


@dataclass(frozen=True)
class Manners:
    """How many requests at once and a minute, how often one is tried, and how long to wait in between, in seconds."""

    at_once: int = 4
    per_minute: float | None = None
    tries: int = 6
    first_wait: float = 1.0
    longest_wait: float = 60.0


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


class Asking:
    """A completer, asked under one bill with one set of manners."""

    def __init__(
        self,
        completer: Completer,
        bill: Bill,
        manners: Manners = Manners(),
    ) -> None:
        self.completer = completer
        self.bill = bill
        self.manners = manners
        self._leaving = threading.Event()
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
        with ThreadPoolExecutor(self.manners.at_once) as pool:
            try:
                while True:
                    for key, request in itertools.islice(waiting, self.manners.at_once - len(running)):
                        running.add(pool.submit(self._ask, key, request))
                    if not running:
                        return
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        try:
                            yield future.result()
                        except BudgetSpent:
                            waiting = iter(())
            finally:
                self._leaving.set()

    def _ask(self, key: Key, request: Request) -> Answer[Key]:
        for number in range(1, self.manners.tries + 1):
            self._await_turn()
            if not self.bill.hold(request):
                raise BudgetSpent
            try:
                reply = self.completer.complete(request)
            except Transient as error:
                if error.answered:
                    self.bill.refused(request)
                else:
                    self.bill.lost()
                if number == self.manners.tries or self._leaving.wait(self._pause(number, error)):
                    return Answer(key, request, None, str(error), number)
            except Fatal:
                self.bill.refused(request)
                raise
            except BaseException:
                self.bill.lost()
                raise
            else:
                self.bill.pay(request, reply)
                return Answer(key, request, reply, "", number)
        raise AssertionError("unreachable")

    def _await_turn(self) -> None:
        """Wait until the rate limit lets another request start."""
        if self.manners.per_minute is None:
            return
        with self._lock:
            start = max(self._next_start, time.monotonic())
            self._next_start = start + 60 / self.manners.per_minute
        self._leaving.wait(max(0.0, start - time.monotonic()))

    def _pause(self, tries: int, error: Transient) -> float:
        """Seconds to wait after so many tries: twice as long each time, but no less than the other side asks for.

        Drawn from a range, so that those who were refused together do not come back together.
        """
        longest = min(self.manners.first_wait * 2.0 ** (tries - 1), self.manners.longest_wait)
        if error.retry_after is not None:
            return error.retry_after + self._chance.uniform(0.0, 0.1) * longest
        return longest * self._chance.uniform(0.5, 1.0)

"""Ctrl-C and a polite kill, held back until the step in hand is whole."""

import signal
import threading
import time
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """A context in which a request to stop is noted in `asked`; Ctrl-C again, a second later, stops at once.

    A supervisor may send one request twice, to a launcher that passes it on and to the process itself.
    """

    def __init__(self) -> None:
        self.asked = False
        self._first = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python forbids handlers
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked, self._first = True, time.monotonic()
        elif number == signal.SIGINT and time.monotonic() - self._first > 1:
            raise KeyboardInterrupt

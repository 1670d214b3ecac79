"""The seam to whoever completes a prompt: one request in, one reply out, or an error that says whether to ask again.

Behind it stand a provider's SDK, a local file, or answers that were recorded. Each makes exactly one try: waiting,
trying again, limits and the bill are the business of `asking`, once for all of them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Protocol

from octocli.core.errors import BadInput

Finish = Literal["stop", "length", "blocked", "other"]


@dataclass(frozen=True)
class Request:
    """One prompt. `schema` is the JSON Schema that the reply's text must satisfy, as far as the other side can.

    `task` says whose work it is, for the bill and for people, and `about` names the rows that it is about, by their
    ids, where there are some already; the other side is told neither.
    """

    prompt: str
    system: str = ""
    schema: Mapping[str, Any] | None = None
    temperature: float = 0.7
    max_tokens: int = 1024
    timeout: float = 60.0
    task: str = ""
    about: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Reply:
    """What came back, why it ended there, and the tokens to pay for, if the other side says; thinking is output."""

    text: str
    finish: Finish
    tokens_in: int | None
    tokens_out: int | None

    @property
    def counted(self) -> bool:
        """Whether it says what is to be paid."""
        return self.tokens_in is not None and self.tokens_out is not None


class Transient(Exception):
    """The other side is busy, slow or out of reach; the same request may go through later.

    Attributes:
        retry_after: seconds that the other side asks to wait, if it does.
        answered: whether the other side said that it did not serve, so that nothing is owed.
    """

    def __init__(self, message: str, retry_after: float | None = None, *, answered: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.answered = answered


class Fatal(BadInput):
    """The other side will never serve this: a wrong key, an unknown model, a request that it does not understand."""


class Completer(Protocol):
    """Somebody who completes prompts. `complete` may be called from several threads."""

    @property
    def model(self) -> str:
        """What the prices and the record call it."""

    def complete(self, request: Request) -> Reply:
        """One try.

        Raises:
            Transient: asking again may help.
            Fatal: it will not.
        """


@contextmanager
def readable(model: str) -> Iterator[None]:
    """What an SDK trips over in an answer it cannot read, as `Transient`: garbage is rarely sent twice."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise Transient(f"{model}: an answer that cannot be read: {type(error).__name__}: {error}") from error


def error_of(status: int | None, message: str, headers: Mapping[str, str] | None = None) -> Transient | Fatal:
    """The error for an HTTP status; None where no answer came at all."""
    if status is None:
        return Transient(message)
    if status in (408, 409, 425, 429) or status >= 500:
        return Transient(message, _retry_after(headers or {}), answered=True)
    return Fatal(message, hint="check the key, the model's name and the address")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the header Retry-After (RFC 9110, section 10.2.3), which is a number or a date."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text).astimezone(UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None

"""What a model costs, and who says so since when: octo.toml, the project's own table, or the one that octo brings.

A table is TOML, a list of `[[price]]`; the first row that fits wins. octo's own rows are prices of the makers'
endpoints: they say nothing of another address.
"""

import datetime
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from octocli.core.config import TeacherName, TeacherSettings
from octocli.core.errors import BadInput
from octocli.teachers.completions import Request

# A provider's own frame around system and prompt: roles, separators, schema wrapping.
_FRAME_TOKENS = 64
_TABLE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens."""

    tokens_in: float
    tokens_out: float

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """The price of so many tokens."""
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6

    def at_most(self, request: Request) -> float:
        """What a request can cost at most."""
        return self.of(*most_tokens(request))


FREE = Price(0.0, 0.0)


def most_tokens(request: Request) -> tuple[int, int]:
    """The tokens that a request and its reply can have at most: no token is shorter than a byte."""
    text = f"{request.system}{request.prompt}{request.schema or ''}"
    return len(text.encode("utf-8", "surrogatepass")) + _FRAME_TOKENS, request.max_tokens


@dataclass(frozen=True)
class Quote:
    """A price, with the day on which it was seen (None where nobody says) and who says so."""

    price: Price
    date: str | None
    source: str


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    tokens_in: float = Field(ge=0)
    tokens_out: float = Field(ge=0)
    date: datetime.date
    source: str
    teacher: TeacherName | None = None
    until: datetime.date | None = None


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    price: tuple[_Row, ...] = ()


def quote_of(settings: TeacherSettings, own: Path, today: datetime.date | None = None) -> Quote | None:
    """The price of the teacher that the settings name; None where nobody knows it.

    Args:
        settings: whose price; a local file and a replay cost nothing.
        own: the project's table, which need not be there.
        today: rows that ended before are passed over.

    Raises:
        BadInput: a table cannot be read.
    """
    if settings.name in ("gguf", "replay"):
        return Quote(FREE, None, "no provider is asked")
    if settings.price_in is not None and settings.price_out is not None:
        return Quote(Price(settings.price_in, settings.price_out), None, "octo.toml")
    day = today or datetime.date.today()
    tables = [own] if own.exists() else []
    if settings.base_url is None:
        tables.append(_TABLE)
    for table in tables:
        for row in _rows(table):
            if _fits(row, settings, day):
                whose = "octo's own price table" if table == _TABLE else table.name
                return Quote(Price(row.tokens_in, row.tokens_out), row.date.isoformat(), f"{whose}: {row.source}")
    return None


def needed_quote(settings: TeacherSettings, own: Path) -> Quote:
    """The same where there must be one.

    Raises:
        BadInput: nobody knows the price; the hint says how to give one.
    """
    quote = quote_of(settings, own)
    if quote is None:
        raise BadInput(f"a budget needs the prices of {settings.model}", hint=HOW_TO_GIVE_ONE)
    return quote


HOW_TO_GIVE_ONE = (
    "[teacher] price_in and price_out in octo.toml, in US dollars for a million tokens, or a [[price]] in prices.toml"
)


def _fits(row: _Row, settings: TeacherSettings, day: datetime.date) -> bool:
    name = settings.model.removeprefix("models/")
    return (
        fnmatchcase(name, row.model)
        and row.teacher in (None, settings.name)
        and (row.until is None or day <= row.until)
    )


def _rows(path: Path) -> tuple[_Row, ...]:
    try:
        return _Table.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).price
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        what = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].lower()
        raise BadInput(f"{path}: {place}: {what}") from None

"""Rule: required parameters that no user says aloud, and dates and times that octo cannot tell to be such."""

import re
from collections.abc import Iterator
from typing import Literal

from octocli.core.spec import Spec
from octocli.core.spec_review.findings import Remark
from octocli.core.spec_review.places import Value, parameters_of
from octocli.core.spec_review.words import stem, words_of

# Made by machines for machines: no query ever holds one.
_MACHINE_NAMES = re.compile(
    r"\b(?:uuid|guid|jwt|csrf|nonce|checksum|etag|base64|bytes|binary|blob|epoch|unix|webhook|user agent|cursor)\b"
    r"|\b(?:token|callback|(?:api|access|secret|private) key|apikey|(?:api|app|client) secret)$"
    r"|\b(?:callback|redirect) ur[il]\b|^(?:user |login |auth )?session$"
    r"|\b(?:session|request|trace|correlation|device|client|idempotency|installation) (?:id|key|identifier)\b"
)
_MACHINE_WORDS = re.compile(
    r"\b(?:uuid|guid|base64|epoch|unix (?:time|timestamp)|milliseconds since|(?:access|auth|bearer) token|api key"
    r"|authentication token|session (?:id|token)|idempotency|callback ur[li]|opaque|user agent|pagination cursor)\b"
)
_MACHINE_FORMATS = frozenset(
    {"uuid", "byte", "binary", "base64", "json-pointer", "relative-json-pointer", "regex", "uri-template"}
)
# Hex, or letters and digits of a fixed length that nobody remembers.
_MACHINE_PATTERN = re.compile(r"\[(?:0-9a-f|a-f0-9)|\[A-Za-z0-9[^\]]*\]\{(?:1[2-9]|[2-9]\d)", re.IGNORECASE)

# Known to the app or the phone; a user says what they stand for: a name, a place, "tomorrow".
_APP_NAMES = re.compile(
    r"\b(?:ids?|pk|identifier)$|^(?:lat|latitude|lng|lon|long|longitude|coordinates|coords|locale|tz|time ?zone"
    r"|(?:ip|mac) address|page size|page number|per page|page index)$|\b(?:latitude|longitude|timestamp)$"
    r"|\b(?:created|updated|modified|deleted) (?:at|on|date|time)$"
)
_APP_WORDS = re.compile(
    r"\b(?:unique|internal|primary|numeric) (?:id|identifier|key)\b|\b(?:id|identifier) of\b|^(?:the )?id\b"
)
_APP_FORMATS = frozenset({"ipv4", "ipv6"})
# Words of paging that mean other things as well: a charge limit, the page of a book.
_PAGING_NAMES = frozenset({"page", "offset", "limit", "skip", "take"})
_PAGING_WORDS = re.compile(r"\b(?:pages?|paging|pagination|results?|items?|records?|entries|rows?|returned?|skip)\b")

_CLOCK_WORDS = re.compile(r"\b(?:iso[- ]?8601|rfc ?3339|yyyy-mm-dd|hh:mm)\b", re.IGNORECASE)


def unspoken_remarks(spec: Spec) -> Iterator[Remark]:
    """Yield required parameters that only a machine could give, and times without a format."""
    for value in parameters_of(spec):
        yield from _clock_without_format(value)
        told = unspoken(value)
        if not told or not value.parameter.required or "default" in value.schema or _is_filled(value, spec):
            continue
        mend = "make it optional, give it a default, or leave it out of the spec and fill it in the app's handler"
        if told == "machine":
            what = "required, and no user ever says such a value: each call would lack it"
            yield Remark("error", "unspoken", value.place, what, mend)
        else:
            what, mend = "required, and users say what it stands for, not the value itself", f"{mend}; or take a name"
            yield Remark("warning", "unspoken", value.place, what, mend)


def unspoken(value: Value) -> Literal["", "app", "machine"]:
    """Who knows the value where users do not: a machine alone, or the app, or (empty) the user after all."""
    if value.parameter.kind in ("enum", "boolean"):
        return ""
    name = " ".join(words_of(value.parameter.name))
    about = str(value.schema.get("description", "")).lower()
    format_, pattern = str(value.schema.get("format", "")), str(value.schema.get("pattern", ""))
    if _MACHINE_NAMES.search(name) or _MACHINE_WORDS.search(about) or format_ in _MACHINE_FORMATS:
        return "machine"
    if _MACHINE_PATTERN.search(pattern) or "contentEncoding" in value.schema:
        return "machine"
    if _APP_NAMES.search(name) or _APP_WORDS.search(about) or format_ in _APP_FORMATS:
        return "app"
    return "app" if name in _PAGING_NAMES and (not about or _PAGING_WORDS.search(about)) else ""


def _is_filled(value: Value, spec: Spec) -> bool:
    """Whether a nested call gives it: `find_user` for `user_id`."""
    stems = {stem(word) for word in words_of(value.parameter.name)} - {"id"}
    return any(stems & {stem(word) for word in words_of(filler.name)} for filler in spec.fillers(value.parameter))


def _clock_without_format(value: Value) -> Iterator[Remark]:
    parameter = value.parameter
    plain = parameter.kind == "text" and value.schema.get("type") == "string" and "pattern" not in value.schema
    if plain and "format" not in value.schema and _CLOCK_WORDS.search(str(value.schema.get("description", ""))):
        what = "a date or time by its description, but plain text by its schema"
        mend = 'add "format": "date", "time" or "date-time"; octo then reads "tomorrow at six"'
        yield Remark("warning", "unspoken", value.place, what, mend)

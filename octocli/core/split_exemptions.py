"""Values that belong to no side of a split: those that the spec itself names, and words that are the language itself.

"tomorrow at five" or "the second" cannot be kept for the test: a model that has never read them does not know English.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_QUOTED = re.compile(r"""(?<!\w)(?:'([^'"]{1,40})'|"([^"]{1,40})"|\u201c([^\u201d]{1,40})\u201d)(?!\w)""")
# Quotes are examples after such words only: "separated by ','" and "as 'YYYY-MM-DD'" quote something else.
_CUE = re.compile(
    r"\b(?:such as|e\.g\.|eg\.|for example|for instance|like|one of|including|usually)(?=[\s,:])", re.IGNORECASE
)
_MASK = re.compile(r"(?:[YMDHhms]{2,4}[-/:. ]?)+")
_COUNTED = re.compile(r"\d{1,2}(?:st|nd|rd|th|am|pm)?")
_TELLING = frozenset(
    # Numbers and ranks
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand half quarter couple few "
    "several all every each both any none some only first second third fourth fifth sixth seventh eighth ninth tenth "
    "eleventh twelfth twentieth thirtieth last next latest previous newest oldest earliest final current upcoming "
    "recent most many more least "
    # Time
    "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays "
    "sundays january february march april may june july august september october november december today tomorrow "
    "tonight yesterday now later day days week weeks weekend weekends weekday weekdays month months year years hour "
    "hours minute minutes min mins second seconds sec secs morning afternoon evening night noon midnight daily weekly "
    "monthly yearly hourly am pm oclock past once twice time times end beginning early late "
    # The same in German
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig dreißig hundert tausend halb halbe "
    "viertel dreiviertel anderthalb paar alle jeder jede jedes beide keine erste ersten zweite zweiten dritte dritten "
    "letzte letzten nächste nächsten montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag januar "
    "februar märz mai juni juli oktober dezember heute morgen übermorgen gestern jetzt später tag tage tagen woche "
    "wochen wochenende monat monate jahr jahre stunde stunden minute minuten sekunde sekunden uhr früh vormittag "
    "mittag nachmittag abend nacht mitternacht morgens vormittags mittags nachmittags abends nachts täglich "
    "wöchentlich werktags einmal zweimal mal".split()
)
_SMALL = frozenset(
    "i me my mine you your he him his she her hers it its we us our ours they them their this that these those the an "
    "at by for in on to of from with until till after before over about around and or not here there again still "
    "right ago off der die das den dem des um ab bis vor nach seit im zu zum zur für gegen und oder nicht".split()
)


def named_values(schema: Mapping[str, Any]) -> list[str]:
    """Values that a parameter's schema gives as examples: its `examples`, and what its description quotes.

    >>> named_values({"description": "the user's kind of item, such as 'song' or 'album'"})
    ['song', 'album']
    """
    quoted = _QUOTED.findall(_examples_told(str(schema.get("description", ""))))
    names = [next(g for g in match if g).strip() for match in quoted]
    listed = (e for e in schema.get("examples", ()) if isinstance(e, str)) if _is_list(schema.get("examples")) else ()
    return list(dict.fromkeys((*listed, *(n for n in names if _is_value(n)))))


def _examples_told(description: str) -> str:
    """What follows the words that announce examples, up to the end of the sentence."""
    cue = _CUE.search(description)
    return re.split(r"[.;]\s", description[cue.end() :])[0] if cue else ""


def _is_value(text: str) -> bool:
    return re.search(r"\w", text) is not None and not _MASK.fullmatch(text)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


@lru_cache(maxsize=1 << 14)
def is_language(text: str) -> bool:
    """Whether a text says a time, a rank or a small number and nothing else. A long number may be an order's.

    >>> [is_language(t) for t in ("tomorrow at 5 p.m.", "the second", "48213", "It")]
    [True, True, False, False]
    """
    text = re.sub(r"\b([ap])\.?\s?m\b\.?", r"\1m", text.lower()).replace("o'clock", "oclock")
    words = re.findall(r"[^\W_]+", text.replace("'s ", " "))
    telling = [w in _TELLING or _COUNTED.fullmatch(w) is not None for w in words]
    return any(telling) and all(t or w in _SMALL for t, w in zip(telling, words, strict=True))

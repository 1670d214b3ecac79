"""Values that belong to no side of a split: those that the spec itself names, and words that are the language itself.

"tomorrow at five" or "the second" cannot be kept for the test: a model that has never read them does not know English.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_QUOTED = re.compile(r"""(?<!\w)(?:'([^'"]{1,40})'|"([^"]{1,40})"|\u201c([^\u201d]{1,40})\u201d)(?!\w)""")
_COUNTED = re.compile(r"\d+(?:st|nd|rd|th|am|pm|s)?")
_CLOSED = frozenset(
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
    "monthly yearly hourly am pm a p m s o clock oclock past once twice time times end beginning early late "
    # Small words
    "i me my mine you your he him his she her hers it its we us our ours they them their this that these those the an "
    "at by for in on to of from with until till after before over about around and or not here there again still "
    "right ago off".split()
)


def named_values(schema: Mapping[str, Any]) -> list[str]:
    """Values that a parameter's schema gives as examples: its `examples`, and what its description quotes.

    >>> named_values({"description": "the user's kind of item, such as 'song' or 'album'"})
    ['song', 'album']
    """
    quoted = (next(g for g in match if g) for match in _QUOTED.findall(str(schema.get("description", ""))))
    listed = (e for e in schema.get("examples", ()) if isinstance(e, str)) if _is_list(schema.get("examples")) else ()
    return list(dict.fromkeys((*listed, *quoted)))


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


@lru_cache(maxsize=1 << 14)
def is_language(text: str) -> bool:
    """Whether a text consists of small words, numbers and words of time alone."""
    words = re.findall(r"[^\W_]+", text.lower())
    return bool(words) and all(w in _CLOSED or _COUNTED.fullmatch(w) for w in words)

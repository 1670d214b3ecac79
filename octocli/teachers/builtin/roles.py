"""The role of a parameter in a sentence: who gets it, where it happens, how much. Chosen by name, kind and function.

Roles live in `words/<language>/roles.json`; the first whose patterns fit wins, and every kind has a last resort.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from octocli.core.identifiers import spaced
from octocli.core.resolvers.amounts import is_percent
from octocli.core.spec import Function, Parameter
from octocli.core.split_exemptions import named_values
from octocli.teachers.builtin.lexicon import Lexicon

# Roles of last resort, whose words do not tell one parameter from another.
_ALIKE = frozenset({"duration", "date", "datetime", "text", "location", "amount"})
# Units of a distance, by the word that a name has for them.
_LENGTHS = {
    **dict.fromkeys(("km", "kms", "kilometers", "kilometres"), "kilometers"),
    **dict.fromkeys(("m", "meters", "metres"), "meters"),
    **dict.fromkeys(("mi", "miles"), "miles"),
    **dict.fromkeys(("ft", "feet"), "feet"),
}
# What a name says of a value's unit or kind, and nobody says before it.
_UNIT_WORDS = frozenset(
    "seconds secs minutes mins hours days weeks date time name id km kg cm mm mg ml number percent percentage".split()
)
# What tells one of two from the other in a name.
_OF_TWO = re.compile(r"^(?:first|second|other|one)\b|\b(?:a|b|1|2|one|two)$")


@dataclass(frozen=True)
class Role:
    """How a parameter is said. Carriers hold one `{}` for the value.

    `named_by` are carriers of what another call gives, where those of a value would quote it. `phrases` name the
    function's object with the value in them: "the {} {noun}", "{} of my {nouns}". `also` are roles whose sentences fit.
    `follows` are roles that it is said right after, each with its joints: "Albany, {}", "150 {}".
    """

    name: str
    carriers: tuple[str, ...]
    named_by: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    follows: tuple[tuple[str, tuple[str, ...]], ...] = ()
    also: tuple[str, ...] = ()
    leads: bool = False  # whether the value decides on its preposition: "at 5", "on monday", "tomorrow"
    pool: str = "label"
    object: str = ""  # what it is as the object of a verb: "thing", "person", "topic", or nothing
    modifier: str = ""  # "adjective" or "noun" where it may stand before the function's noun
    article: str = ""
    named: bool = False  # never said without the function's noun: "the party scene", not "the party"
    item: bool = False
    count: bool = False
    last: bool = False
    sentence: bool = False  # whether it may be a sentence, which swallows what is said after it
    range: tuple[int, int] | None = None


def _stem(name: str) -> str:
    """A name without its unit: of "rest seconds" the rest."""
    return " ".join(w for w in name.split() if w not in _UNIT_WORDS) or name


def words_of(name: str) -> list[str]:
    """The words of an identifier: snake, kebab, dotted or camel case, lower case."""
    return [w for w in re.split(r"[\W_]+", spaced(name).lower()) if w]


def roles_of(function: Function, lexicon: Lexicon) -> dict[str, Role]:
    """Every parameter's role, by parameter name."""
    context = (" ".join(words_of(function.name)), function.description.lower())
    roles = {p.name: _role_of(p, context, lexicon) for p in function.params}
    roles |= {p.name: _led_as_told(roles[p.name], p, function, lexicon) for p in function.params}
    often = Counter((role.name, role.carriers) for role in roles.values())
    return {
        name: _by_name(role, name, lexicon) if often[role.name, role.carriers] > 1 and role.name in _ALIKE else role
        for name, role in roles.items()
    }


def _led_as_told(role: Role, parameter: Parameter, function: Function, lexicon: Lexicon) -> Role:
    """The role with the preposition that the description has before the parameter: "an offer on someone's item"."""
    words = words_of(parameter.name)
    named = "prepositions" in lexicon.patterns and words and parameter.kind in ("text", "array")
    if not named or role.leads or role.sentence or not role.carriers or all(c == "{}" for c in role.carriers):
        return role
    noun = re.escape(words[-1].removesuffix("s"))
    leading = lexicon.patterns["prepositions"].pattern
    told = re.search(rf"\b({leading}) (?:\S+ ){{0,2}}?{noun}s?\b(?! \w+$)", function.description.lower())
    carrier = f"{told[1]} {{}}" if told else ""
    if not told or carrier in role.carriers:
        return role
    return replace(role, carriers=(*role.carriers, *[carrier] * max(2, len(role.carriers))))


def _by_name(role: Role, name: str, lexicon: Lexicon) -> Role:
    """The role of one of several that would be said alike: "20 seconds rest", "rest for 20 seconds"."""
    ways = lexicon.by_name.get(role.name, lexicon.by_name["*"])
    stem = _stem(" ".join(words_of(name)))
    return replace(role, carriers=tuple(way.replace("{stem}", stem) for way in ways), modifier="")


def _role_of(parameter: Parameter, context: tuple[str, str], lexicon: Lexicon) -> Role:
    """The role of one parameter of a function with these words in its name and description."""
    name = " ".join(words_of(parameter.name))
    role = _role(name, parameter.kind, parameter.description.lower(), context, lexicon)
    if role.name == "several":  # what several of something are is told by one of them: "songs", "cities"
        each = _role(name.removesuffix("s"), "text", parameter.description.lower(), context, lexicon)
        role = role if each.name == "text" else each
    if role.name in ("first_of", "second_of"):  # both of one sort: "city_a" and "city_b"
        base = _OF_TWO.sub("", name).strip()
        role = replace(role, pool=_role(base, "text", "", context, lexicon).pool) if base else role
    if parameter.kind in ("integer", "number") and not is_percent(parameter.name, parameter.schema):
        role = replace(
            role, carriers=tuple(c for c in role.carriers if not lexicon.patterns["percent"].search(c)) or role.carriers
        )
    if parameter.kind != "text":
        return role
    return replace(role, pool=_pool_of(tuple(named_values(parameter.schema)), role.pool, lexicon))


@lru_cache(maxsize=4096)
def _pool_of(named: tuple[str, ...], usual: str, lexicon: Lexicon) -> str:
    """The list of the phrase book that holds the values which the spec names: the role's usual one, or that of most."""
    values, pools = {value.lower() for value in named}, lexicon.pools
    shared = {name: len(values & {v.lower() for v in pool}) for name, pool in pools.items()}
    best = max(shared, key=lambda name: (shared[name], -len(pools[name])))
    # One word of several in common is chance: a "single" room is no record.
    return best if not shared.get(usual) and (shared[best] > 1 or shared[best] == len(values) == 1) else usual


@lru_cache(maxsize=4096)
def _role(name: str, kind: str, description: str, context: tuple[str, str], lexicon: Lexicon) -> Role:
    for entry in lexicon.roles:
        if _fits(entry, name, kind, description, context):
            return _make(entry, name)
    return _make({"role": "text", "carriers": ["with {name} {}"]}, name)


def _fits(entry: Mapping[str, Any], name: str, kind: str, description: str, context: tuple[str, str]) -> bool:
    function_words, function_description = context
    if kind not in entry.get("kinds", (kind,)):
        return False
    if "match" in entry and not re.search(entry["match"], name):
        return False
    if "described" in entry and not re.search(entry["described"], description):
        return False
    if "not_described" in entry and re.search(entry["not_described"], description):
        return False
    if entry.get("foreign") and set(name.split()) & set(function_words.split()):
        return False
    told = f"{function_description} {description}"
    if "told" in entry and not re.search(entry["told"], told):
        return False
    if "not_told" in entry and re.search(entry["not_told"], told):
        return False
    if "if_function" in entry and not re.search(entry["if_function"], function_words):
        return False
    return not ("unless_function" in entry and re.search(entry["unless_function"], function_words))


def _make(entry: Mapping[str, Any], name: str) -> Role:
    unit = next((_LENGTHS[w] for w in name.split() if w in _LENGTHS), entry.get("unit", ""))
    words = {
        "{name}": name.removesuffix(" name"),  # "in my work folder", not "in my work folder name"
        "{unit}": unit,
        "{first}": name.partition(" ")[0],
        "{stem}": _stem(name),
        "{last}": name.rpartition(" ")[2],
    }
    carriers = (re.sub(r"\{(?:name|unit|first|stem|last)\}", lambda m: words[m[0]], c) for c in entry["carriers"])
    as_object = entry.get("object", "")
    bounds = entry.get("range")
    return Role(
        name=entry["role"],
        carriers=tuple(carriers),
        named_by=tuple(entry.get("named_by", ())),
        phrases=tuple(entry.get("phrases", ())),
        follows=tuple((after, tuple(joints)) for after, joints in entry.get("follows", {}).items()),
        also=tuple(entry.get("also", ())),
        leads=bool(entry.get("leads")),
        pool=entry.get("pool", "label"),
        object="thing" if as_object is True else as_object,
        modifier="noun" if entry.get("modifier") is True else entry.get("modifier", ""),
        article=entry.get("article", ""),
        named=bool(entry.get("named")),
        item=bool(entry.get("item")),
        count=bool(entry.get("count")),
        last=bool(entry.get("last")),
        sentence=bool(entry.get("sentence")),
        range=(bounds[0], bounds[1]) if bounds else None,
    )

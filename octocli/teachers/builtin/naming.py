"""What a function's English name says: its verb, with the ways to say it, and its noun, with the ways to name it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice, product
from typing import Any

from octocli.core.spec import Function
from octocli.teachers.builtin.lexicon import Lexicon
from octocli.teachers.builtin.roles import words_of

# A description whose first word is surely a verb: what it is done to follows.
_COMMANDS = re.compile(r"\w+ (?:an?|the|one|some|all|any|my|your|this|several|another|to|for)\b", re.IGNORECASE)


# What people keep things among.
_KEPT = frozenset("favorite favourite favorites favourites bookmark bookmarks wishlist watchlist".split())


@dataclass(frozen=True)
class Name:
    """A function's name, read.

    Attributes:
        verb: the verb as the name has it, or nothing.
        group: the verb's entry in the phrase book.
        nouns: the words of the object, in order.
        target: what the object goes to, comes from or becomes: "to my cart", "as played".
    """

    verb: str
    group: Mapping[str, Any]
    nouns: tuple[str, ...]
    target: str = ""

    @property
    def says(self) -> tuple[str, ...]:
        """Verb templates with `{o}` for the object."""
        said = [s.replace("{v}", self.verb) for s in self.group["say"]]
        if self.target.startswith("as "):
            return tuple(dict.fromkeys(f"{s} {self.target}" for s in said))
        return tuple(dict.fromkeys([*(f"{s} {self.target}" for s in said if self.target), *said]))

    @property
    def lines(self) -> tuple[str, ...]:
        """Whole sentences for what the verb does, with `{o}`, `{noun}` or `{nouns}`: "i no longer need {o}"."""
        return tuple(self.group.get("lines", ()))

    @property
    def neutral(self) -> bool:
        """Whether the verb leaves the state open: set, change, toggle."""
        return bool(self.group.get("neutral"))

    @property
    def asks(self) -> bool:
        """Whether the function answers rather than acts."""
        return self.group["class"] in ("query", "track")


def read_name(function: Function, lexicon: Lexicon) -> Name:
    """The verb and the noun of a function, from its name, or from its description where the name has no verb."""
    name = _read(function, lexicon)
    return replace(name, nouns=_said_nouns(name, function, lexicon), target=_target(name, function))


def _target(name: Name, function: Function) -> str:
    """Of `add_to_cart` "to my cart"; nothing where a parameter says it."""
    words = words_of(function.name)
    own = {w for p in function.params for w in words_of(p.name)}
    if words[1:2] == ["as"] and len(words) > 2:
        return " ".join(words[1:])
    if state := _marked(function):
        return f"as {state}"
    if _is_kept(name, function):
        kept = name.nouns[-1] if name.nouns[-1].endswith("list") else f"{name.nouns[-1].removesuffix('s')}s"
        return f"{'from' if name.group['class'] == 'remove' else 'to'} my {kept}"
    if name.group["class"] not in ("add", "remove") or words[1:2] not in (["to"], ["from"]) or set(words[2:]) & own:
        return ""
    return f"{words[1]} my {' '.join(words[2:])}"


def _said_nouns(name: Name, function: Function, lexicon: Lexicon) -> tuple[str, ...]:
    """The nouns of a name that people say: of `update_reminder_date_time` the reminder, of `add_time_timer` the timer.

    A compound that the description does not have as such is one of its parts, the last that the description has. What
    something is added to is no object: `add_to_playlist`.
    """
    if words_of(function.name)[1:2] in (["to"], ["into"], ["from"]):
        if name.group["class"] in ("add", "remove"):
            return ()
        moved = re.match(r"\w+ (?:an? |the |some )?(\w+) (?:to|into|from)\b", function.description.lower())
        if moved and name.group["class"] in ("move", "copy", "upload"):
            return (moved[1],)
    if _is_kept(name, function):
        return ()
    if words_of(function.name)[1:2] == ["as"] or _marked(function):
        marked = re.match(r"\w+ (?:an? |the |some |one of (?:your|my) )?(\w+) as\b", function.description.lower())
        return (marked[1],) if marked else ()
    if added := _added(function):
        return added
    if len(name.nouns) < 2:
        return name.nouns
    if _is_switched(name.nouns[-1], function):
        return name.nouns[:-1]
    told = f" {' '.join(re.findall(r'[a-z]+', function.description.lower()))} "
    of_head = re.match(rf" \w+ (?:an?|the|some) {re.escape(name.nouns[-1])} ", told)
    if of_head and name.group["class"] in ("report", "book", "order", "request"):  # "Report a problem in a street"
        return name.nouns[-1:]
    head, own = name.nouns[-1], {w for p in function.params for w in words_of(p.name)}
    if head in lexicon.nouns["attributes"] or _tells(told, " ".join(name.nouns)):
        return name.nouns
    parts = [n for n in name.nouns if _tells(told, n)]
    if head in own:
        parts = [n for n in parts if n not in own][-1:]
    elif head not in parts:
        return name.nouns
    return tuple(parts) or name.nouns


def _marked(function: Function) -> str:
    """What something is marked as: of `mark_sold`, "Mark an item as sold.", sold."""
    words = words_of(function.name)
    told = re.search(rf"\bas {re.escape(words[-1])}\b", function.description.lower())
    return words[1] if told and words[0] == "mark" and len(words) == 2 else ""


def _is_kept(name: Name, function: Function) -> bool:
    """Whether a parameter's value is put among what somebody keeps: `save_favorite(artwork)`."""
    kept = name.nouns[-1:] and name.nouns[-1] in _KEPT and len(words_of(function.name)) == 2
    told = any(p.kind == "text" and not set(words_of(p.name)[:1]) & _KEPT for p in function.params)
    return bool(kept) and told and name.group["class"] in ("add", "remove")


def _is_switched(noun: str, function: Function) -> bool:
    """Whether a noun is the state that a parameter switches: the lock of `set_card_lock`, whose card is `locked`."""
    return any(p.kind == "boolean" and words_of(p.name)[-1:] in ([f"{noun}ed"], [f"{noun}d"]) for p in function.params)


def _tells(told: str, noun: str) -> bool:
    return re.search(rf" {re.escape(noun)}s? ", told) is not None


def _added(function: Function) -> tuple[str, ...]:
    """What a description puts into something else: the time of "Add time to a timer"."""
    found = re.match(r"(?:add|put)s? (?:an? |the |some )?(\w+) (?:to|into|onto)\b", function.description.lower())
    return (found[1],) if found and found[1] in words_of(function.name) else ()


def _read(function: Function, lexicon: Lexicon) -> Name:
    words = _with_one_verb(words_of(function.name), lexicon)
    for size in (2, 1):
        rest = list(_added(function)) or words[size:]
        if len(words) >= size and (group := _group(" ".join(words[:size]), rest, lexicon)):
            return Name(" ".join(words[:size]), group, _nouns(words[size:], lexicon))
    lead = _imperative(function.description, lexicon)
    if len(words) > 1 and lead == words[0] and _COMMANDS.match(function.description):
        return Name(words[0], _named_group("other", lexicon), _nouns(words[1:], lexicon))
    if len(words) > 1 and (group := _group(words[-1], words[:-1], lexicon)):
        return Name(words[-1], group, _nouns(words[:-1], lexicon))
    if lead and words and lead == words[0]:
        return Name(words[0], _named_group("other", lexicon), _nouns(words[1:], lexicon))
    if lead and (group := _group(lead, words, lexicon)):
        if len(words) > 1 and words[0] not in words_of(function.description):  # "hire", which is to book a trainer
            group = _named_group("other", lexicon) if group.get("neutral") else group
            own = {**group, "say": [f"{words[0]} {{o}}", *group["say"]]}
            return Name(words[0], own, _nouns(words[1:], lexicon))
        return Name(lead, group, _nouns(words, lexicon))
    return Name("get", _named_group("query", lexicon), _nouns(words, lexicon))


def noun_forms(nouns: tuple[str, ...], lexicon: Lexicon, told: str = "") -> list[str]:
    """Names for the thing: synonyms, and an attribute with or without what it belongs to.

    `told` is what the spec says around it, by which a word's sense is known: an event is a meeting in a calendar only.
    """
    if not nouns:
        return []
    book = lexicon.nouns
    known = {w: () if _of_another_sense(w, told, lexicon) else book["synonyms"].get(w, ()) for w in nouns}
    synonyms = [[w, *(s for s in known[w] if s != w)] for w in nouns]
    forms = [" ".join(row) for row in islice(product(*synonyms), 12)]
    if len(nouns) > 1 and nouns[-1] in book["attributes"]:
        things = [" ".join(row) for row in islice(product(*synonyms[:-1]), 6)]
        forms += things
        forms += [f"{attribute} of the {thing}" for attribute in synonyms[-1] for thing in things[:2]]
        forms += [] if nouns[-1] in book["vague"] else synonyms[-1][:2]
    single = (re.sub(r"\b(\w+)(?: \1\b)+", r"\1", form) for form in forms)
    return list(dict.fromkeys(form for form in single if len(set(words := form.split())) == len(words)))


def _of_another_sense(noun: str, told: str, lexicon: Lexicon) -> bool:
    wanted = lexicon.nouns["only_where"].get(noun)
    return wanted is not None and re.search(wanted, told) is None


def with_article(noun: str, article: str, lexicon: Lexicon) -> list[str]:
    """The noun as a sentence has it: "a timer", "the lights", "some music"."""
    last = noun.split(" of ")[0].split()[-1]
    if noun.split()[0] in ("the", "my", "something", "a", "an", "places", "someone"):
        return [noun]
    plural = last.endswith("s") and not last.endswith("ss")
    mass = plural or last in lexicon.nouns["uncountable"]
    if article == "a":
        return [f"some {noun}", noun] if mass else [f"{indefinite(noun)} {noun}"]
    if article == "":
        return [f"some {noun}", noun] if mass else [f"{indefinite(noun)} {noun}", f"{noun}"]
    return [f"the {noun}", f"the {noun}", f"my {noun}"]


def indefinite(word: str) -> str:
    """ "a" or "an" before `word`."""
    return "an" if re.match(r"(?:[aeio]|un[^i]|8|11\b|18\b|hour|honest)", word.lower()) else "a"


def gerund(clause: str, lexicon: Lexicon) -> str:
    """The clause with its first verb in -ing: "turn on the tv" -> "turning on the tv"."""
    verb, _, rest = clause.partition(" ")
    book = lexicon.verbs
    form = book["irregular_gerund"].get(verb)
    if form is None:
        if verb in book["doubling"]:
            form = f"{verb}{verb[-1]}ing"
        elif verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
            form = f"{verb[:-1]}ing"
        else:
            form = f"{verb}ing"
    return f"{form} {rest}".strip()


def starts_with_verb(phrase: str, lexicon: Lexicon) -> bool:
    """Whether a phrase opens like a command."""
    words = phrase.lower().split()
    return bool(words) and (words[0] in _known_verbs(lexicon) or " ".join(words[:2]) in _known_verbs(lexicon))


def is_verb_only(phrase: str, lexicon: Lexicon) -> bool:
    """Whether a phrase is a verb that still wants its object: "switch on", "crank up"."""
    words = phrase.lower().split()
    particles = set(lexicon.verbs["particles"])
    return bool(words) and words[0] in _known_verbs(lexicon) and all(w in particles for w in words[1:])


@cache
def _known_verbs(lexicon: Lexicon) -> frozenset[str]:
    book = lexicon.verbs
    named = {
        name for g in book["groups"] for name in g["names"] if name not in ("*", "new", "music", "status", "info", "is")
    }
    # "back" alone is no verb, "back up" is.
    said = {
        next((name for name in named if " " in name and _is_said_by(name, s)), s.split()[0])
        for g in book["groups"]
        for s in g["say"]
        if not s.startswith("{")
    }
    extra = frozenset(book["also_verbs"])
    return extra | named | said


def _is_said_by(verb: str, phrase: str) -> bool:
    """Whether a verb of two words stands in a phrase, together or apart: "back {o} up"."""
    return phrase.split()[0] == verb.split()[0] and set(verb.split()) <= set(phrase.split())


def _with_one_verb(words: list[str], lexicon: Lexicon) -> list[str]:
    """Of `open or lock door` the first verb and the noun: a parameter says which of both it is."""
    if len(words) > 2 and words[1] in ("or", "and") and words[2] in _known_verbs(lexicon):
        return [words[0], *words[3:]]
    return words


def _group(verb: str, rest: list[str], lexicon: Lexicon) -> Mapping[str, Any] | None:
    # A payment reminder is sent as reminders are, not as payments.
    about = rest[-1:] if rest and rest[-1] in lexicon.nouns.get("about_another", ()) else rest
    for group in lexicon.verbs["groups"]:
        if verb in group["names"] and ("nouns" not in group or set(about) & set(group["nouns"])):
            return dict(group)
    return None


def _named_group(name: str, lexicon: Lexicon) -> Mapping[str, Any]:
    return next(g for g in lexicon.verbs["groups"] if g["class"] == name)


def _nouns(words: list[str], lexicon: Lexicon) -> tuple[str, ...]:
    fillers = set(lexicon.nouns["fillers"])
    kept = [w for w in _with_compounds(words, lexicon) if w not in fillers]
    while kept and kept[0] in ("to", "in", "on", "for", "new", "current", "my", "all"):
        kept.pop(0)
    for joint in ("to", "from", "for", "in", "on", "by", "with", "at"):
        if joint in kept:
            kept = kept[: kept.index(joint)]
    return tuple(kept)


def _with_compounds(words: list[str], lexicon: Lexicon) -> list[str]:
    """The words, those together that the phrase book knows as one thing: "out of office"."""
    text = f" {' '.join(words)} "
    for known in lexicon.nouns["synonyms"]:
        if " " in known:
            text = text.replace(f" {known} ", f" {known.replace(' ', '_')} ")
    return [word.replace("_", " ") for word in text.split()]


def _imperative(description: str, lexicon: Lexicon) -> str:
    """The first verb of a description, "Sets" as "set"; empty when it opens otherwise."""
    words = words_of(description)
    if not words:
        return ""
    word = words[0]
    for form in (word, word.removesuffix("s"), word.removesuffix("es")):
        if _group(form, [], lexicon):
            return form
    return word.removesuffix("s")

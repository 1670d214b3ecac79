"""Rule: functions that a person could not tell apart, and phrases that belong to two of them."""

import json
from collections import defaultdict
from collections.abc import Iterator

from octocli.core.kinds import SYNONYMS
from octocli.core.spec import Example, Function, Spec
from octocli.core.spec_review.findings import WHOLE_SPEC, Place, Remark
from octocli.core.spec_review.likeness import Likeness, example_stems
from octocli.core.spec_review.places import function_places
from octocli.core.spec_review.words import WordBook, stems_of, words_of

# Of the pairs in `test_spec_review.py`, those that a person confuses reach 0.53 and more, those that are clear 0.43 at
# most; no pair of the templates reaches 0.4.
CONFUSABLE = 0.5
# A spec of copies has more pairs than anyone reads; the worst come first.
MOST_PAIRS = 10
# An example belongs elsewhere when another function has this many of its words, and its own none. Two may be chance:
# "changed my mind" is a reason to cancel an order, and something to say when a dish is taken out of the cart.
STRANGER_WORDS = 3


def confusable_remarks(spec: Spec, book: WordBook) -> Iterator[Remark]:
    """Yield pairs of functions that are alike, aliases and examples that two share, examples that fit another."""
    yield from _pairs(spec, book)
    yield from _shared_aliases(spec)
    yield from _shared_examples(spec)
    yield from _misplaced_examples(spec)
    if not any(function.aliases or function.examples for function in spec.functions):
        mend = 'add "examples", queries that users really type, and "aliases", other words for the function'
        yield Remark("note", "phrases", WHOLE_SPEC, "no function has examples or aliases", mend)


def _pairs(spec: Spec, book: WordBook) -> Iterator[Remark]:
    places = [place for place, _ in function_places(spec)]
    found = sorted(Likeness(spec, book).pairs(CONFUSABLE), key=lambda pair: -pair[0])
    for score, one, other in found[:MOST_PAIRS]:
        what = f"hard to tell from {places[other].text} (likeness {score:.2f} of 1)"
        mend = "merge the two, or say in each description, with examples, when it is this one and not the other"
        yield Remark("warning", "confusable", places[one], what, mend)
    if len(found) > MOST_PAIRS:
        what = f"{len(found) - MOST_PAIRS} more pairs of functions are hard to tell apart"
        yield Remark("warning", "confusable", WHOLE_SPEC, what, "mend those above first, then check again")


def _shared_aliases(spec: Spec) -> Iterator[Remark]:
    owners: dict[str, Place] = {}
    names = {_plain(function.name): place for place, function in function_places(spec)}
    for place, function in function_places(spec):
        for alias in function.aliases:
            key = _plain(alias)
            owner = owners.setdefault(key, place)
            if owner != place:
                what, mend = f"the alias {alias!r} is also one of {owner.text}", "leave it with one of them"
                yield Remark("error", "phrases", place, what, mend)
            elif names.get(key, place) != place:
                what, mend = f"the alias {alias!r} is the name of {names[key].text}", "choose other words"
                yield Remark("warning", "phrases", place, what, mend)


def _shared_examples(spec: Spec) -> Iterator[Remark]:
    meant: dict[str, tuple[tuple[str, ...], Place]] = {}
    for place, function in function_places(spec):
        for example in function.examples:
            called = _called(example, function)
            first, owner = meant.setdefault(_plain(example.query), (called, place))
            if first != called:
                what = f"the example {_short(example.query)} means {owner.text} too" if owner != place else (
                    f"the example {_short(example.query)} stands twice, with other calls"
                )  # fmt: skip
                yield Remark("error", "phrases", place, what, "leave it with the function that is meant")


def _misplaced_examples(spec: Spec) -> Iterator[Remark]:
    """Examples that share nothing with their own function, and much with another."""
    places = function_places(spec)
    holders: dict[str, set[int]] = defaultdict(set)
    for index, (_, function) in enumerate(places):
        for word in _known_words(function):
            holders[word].add(index)
    for index, (place, function) in enumerate(places):
        for number, example in enumerate(function.examples):
            if set(_called(example, function)) != {function.name}:
                continue
            own = _known_words(function, without=number)
            words = {w for w in example_stems(example) if w in holders}
            if words & own:
                continue
            fits: dict[int, int] = defaultdict(int)
            for word in words:
                # A word of many functions points to none of them.
                if len(holders[word]) <= 2:
                    for other in holders[word] - {index}:
                        fits[other] += 1
            best = max(fits, key=lambda other: fits[other], default=index)
            if fits.get(best, 0) >= STRANGER_WORDS:
                what = f"the example {_short(example.query)} has the words of {places[best][0].text}, none of its own"
                yield Remark("warning", "phrases", place, what, "move it there, or add aliases that lead to it")


def _known_words(function: Function, without: int = -1) -> set[str]:
    """Stems by which a function is known, those of one of its examples left out."""
    listed = [str(v) for p in function.params for v in p.schema.get("enum", ())]
    words = json.dumps([p.schema.get(SYNONYMS) for p in function.params], ensure_ascii=False)
    texts = [function.name, function.description, *function.aliases, *(p.name for p in function.params), *listed, words]
    examples = [w for n, example in enumerate(function.examples) if n != without for w in example_stems(example)]
    return {*(stem for text in texts for stem in stems_of(text)), *examples}


def _called(example: Example, function: Function) -> tuple[str, ...]:
    return (function.name,) if example.calls is None else tuple(str(call["name"]) for call in example.calls)


def _plain(text: str) -> str:
    return " ".join(words_of(text)) or text


def _short(query: str, most: int = 50) -> str:
    return repr(query if len(query) <= most else f"{query[: most - 3]}...")

"""Rule: function names that say nothing, have no verb, or differ from another by a negation at the end."""

import re
from collections.abc import Iterator

from octocli.core.spec import Function, Spec
from octocli.core.spec_review.findings import Place, Remark
from octocli.core.spec_review.places import function_places
from octocli.core.spec_review.words import WordBook, naming, stem, words_of

# Words for any function at all, and what HTTP calls its verbs.
_HOLLOW = frozenset(
    "handler handle handles func function fn method op operation operations endpoint action actions process execute "
    "exec main perform invoke job step data info thing things item items object objects resource resources entity "
    "service controller api rest rpc http get post put patch delete head options id foo bar baz test tmp temp default "
    "index root web async sync internal external v".split()
)
_NEGATIONS = frozenset("not no off undo cancel stop false disable disabled reverse never".split())
_AFFIRMATIONS = ("on", "true", "enable", "enabled", "yes", "start")


def name_remarks(spec: Spec, book: WordBook) -> Iterator[Remark]:
    """Yield functions whose names tell a teacher or a reader too little."""
    by_words = {tuple(words_of(function.name)): place for place, function in function_places(spec)}
    for place, function in function_places(spec):
        words = words_of(function.name)
        if says_nothing(words):
            mend = "name it after what the user gets: order_pizza, not handler1"
            yield Remark("warning", "name", place, "the name says nothing of what the function does", mend)
        elif book.verbs and not _has_verb(words, function, book):
            what = "neither the name nor the description opens with a verb that octo knows"
            yield Remark("note", "name", place, what, "begin the description with the verb: Shows, Sets, Orders")
        yield from _negation(words, place, by_words)


def says_nothing(words: list[str]) -> bool:
    """Whether a name is made of words for any function, versions and numbers alone."""
    bare = [re.sub(r"\d+$", "", word) for word in words]
    return all(word in _HOLLOW or not word for word in naming(bare))


def _has_verb(words: list[str], function: Function, book: WordBook) -> bool:
    """Whether the built-in teacher finds a verb: first or last in the name, or opening the description."""
    if book.lead(words)[0] or words[-1] in book.verbs:
        return True
    said = words_of(function.description)
    return bool(said) and (bool(book.lead(said)[0]) or stem(said[0]) == stem(words[0]))


def _negation(words: list[str], place: Place, by_words: dict[tuple[str, ...], Place]) -> Iterator[Remark]:
    if len(words) < 2 or words[-1] not in _NEGATIONS:
        return
    opposites = [tuple(words[:-1]), *((*words[:-1], other) for other in _AFFIRMATIONS)]
    found = next((by_words[opposite] for opposite in opposites if opposite in by_words), None)
    if found:
        what = f"only its last word, {words[-1]!r}, tells the name from {found.text}"
        mend = "make one function of the two, with a boolean, or begin the name with what it does"
        yield Remark("note", "name", place, what, mend)

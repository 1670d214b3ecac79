"""Rule: descriptions that are missing, say too little, repeat the name, or stand on two functions."""

from collections import defaultdict
from collections.abc import Iterator

from octocli.core.spec import Function, Spec
from octocli.core.spec_review.findings import Place, Remark, Severity
from octocli.core.spec_review.places import function_places, parameters_of
from octocli.core.spec_review.words import informative, stems_of, words_of

# "Sends mail" is a name; a verb, its object and what sets them apart are the least that a description is made of.
FEWEST_WORDS = 3

# Times, money and the like are told by format or name, listed values and yes-or-no by what they are.
_UNEXPLAINED = ("text", "integer", "number", "array", "object")


def description_remarks(spec: Spec) -> Iterator[Remark]:
    """Yield what is wrong with the descriptions of functions and parameters."""
    by_text: dict[str, list[Place]] = defaultdict(list)
    for place, function in function_places(spec):
        by_text[" ".join(words_of(function.description)) or function.description].append(place)
        yield from _of_function(place, function)
    for first, *others in by_text.values():
        for place in others:
            what, mend = f"the description is that of {first.text}", "say in each what the other does not do"
            yield Remark("warning", "description", place, what, mend)
    yield from _of_parameters(spec)


def _of_function(place: Place, function: Function) -> Iterator[Remark]:
    said = informative(words_of(function.description))
    # Aliases and examples tell a teacher what a thin description does not.
    severity: Severity = "note" if function.aliases or function.examples else "warning"
    if set(stems_of(function.description)) <= set(stems_of(function.name)):
        what, mend = "the description only repeats the name", "say what it does, to what, and for whom"
        yield Remark(severity, "description", place, what, mend)
    elif len(said) < FEWEST_WORDS:
        what = f"the description has fewer than {FEWEST_WORDS} words that say something"
        yield Remark(severity, "description", place, what, "say what it does, to what, and for whom")


def _of_parameters(spec: Spec) -> Iterator[Remark]:
    for value in parameters_of(spec):
        parameter = value.parameter
        if parameter.kind not in _UNEXPLAINED:
            continue
        text = str(value.schema.get("description", ""))
        stems = set(stems_of(text))
        if not text.strip():
            mend = "say in a few words what the user would name here"
            yield Remark("warning", "description", value.place, "the parameter has no description", mend)
        elif stems <= set(stems_of(parameter.name)):
            what, mend = "the parameter's description only repeats its name", "say what the user would name here"
            yield Remark("note", "description", value.place, what, mend)

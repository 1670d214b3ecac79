"""What a German description says: "Schaltet ein Gerät im Haus ein oder aus." has the verb, its part and the object.

The third person governs its object as the imperative does, so the object's words need no change.
"""

import re
from dataclasses import dataclass

from octocli.teachers.builtin.german.verbs import Verb, from_third_person
from octocli.teachers.builtin.lexicon import Lexicon

_SENTENCE = re.compile(r"(?P<verb>[A-ZÄÖÜ][a-zäöüß]+t)(?:(?: oder|,| und) [a-zäöüß]+t)* (?P<rest>[^.:;,(]+)")
_ARTICLE = r"(?:einen|eine|ein|den|die|das|alle|mehrere)"
_NOUN = r"[A-ZÄÖÜ][\wäöüß-]+"
_OBJECT = re.compile(
    rf"(?:(?P<article>{_ARTICLE}) )?(?:[a-zäöüß]+en? )?(?P<noun>{_NOUN})(?P<tail> (?:des|der|eines|einer) {_NOUN})?"
)


@dataclass(frozen=True)
class Told:
    """The verb of a description and its object's noun, with what belongs to it in the genitive."""

    verb: Verb
    noun: str = ""


def read_description(description: str, lexicon: Lexicon) -> Told | None:
    """What the first sentence says, or None where it opens with no verb in the third person."""
    match = _SENTENCE.match(description.strip())
    if match is None:
        return None
    words = match["rest"].split()
    part = ""
    while words and words[-1] in {*lexicon.verbs["parts"], "oder"}:
        part = words.pop() if words[-1] != "oder" else (words.pop() and part)
    found = _OBJECT.match(" ".join(words))
    noun = f"{found['noun']}{found['tail'] or ''}" if found else ""
    return Told(Verb(from_third_person(match["verb"], lexicon), part), noun)

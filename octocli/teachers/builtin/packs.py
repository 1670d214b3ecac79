"""Which languages the built-in teacher writes: a folder of words and a grammar for each."""

from collections.abc import Mapping
from functools import cache

from octocli.core.errors import BadInput
from octocli.teachers.builtin.english import English
from octocli.teachers.builtin.german import German
from octocli.teachers.builtin.language import Language
from octocli.teachers.builtin.lexicon import lexicon

GRAMMARS: Mapping[str, type[English] | type[German]] = {"de": German, "en": English}


@cache
def language_of(code: str) -> Language:
    """The language of that code, read once.

    Raises:
        BadInput: there is no pack of that language.
    """
    if code not in GRAMMARS:
        raise BadInput(
            f"octo.toml: synth.language: no language pack {code!r}", hint=f"there are: {', '.join(sorted(GRAMMARS))}"
        )
    return GRAMMARS[code](lexicon(code))

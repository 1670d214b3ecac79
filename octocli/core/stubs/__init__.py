"""Typed dispatch code that an app ships beside its model: one source file for each language, made from the spec.

Pure text. Where the file goes is the stage's business.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from octocli.core.errors import BadInput
from octocli.core.spec import Spec
from octocli.core.stubs import kotlin, python, swift, typescript
from octocli.core.stubs.api import Api, describe


@dataclass(frozen=True)
class Language:
    """A language that a stub can be written in: its file's name by the app, its text, who reads the patterns."""

    file_name: Callable[[str], str]
    render: Callable[[Api], str]
    portable: bool = True


_LANGUAGES = {
    "python": Language(python.file_name, python.render, portable=False),
    "typescript": Language(typescript.file_name, typescript.render),
    "kotlin": Language(kotlin.file_name, kotlin.render),
    "swift": Language(swift.file_name, swift.render),
}
LANGUAGES = tuple(_LANGUAGES)


@dataclass(frozen=True)
class Stub:
    """A stub before it is written; `unchecked` names what of the schemas it does not check."""

    language: str
    file_name: str
    text: str
    unchecked: tuple[str, ...]


def check_languages(languages: Iterable[str]) -> None:
    """Refuse an unknown language.

    Raises:
        BadInput: naming those that there are.
    """
    for language in languages:
        if language not in _LANGUAGES:
            raise BadInput(f"no stubs for {language!r}", hint=f"there are: {', '.join(LANGUAGES)}")


def make_stub(spec: Spec, language: str) -> Stub:
    """The stub of a spec in one language.

    Raises:
        BadInput: an unknown language.
    """
    check_languages([language])
    writer = _LANGUAGES[language]
    api = describe(spec, portable=writer.portable)
    return Stub(language, writer.file_name(spec.app), writer.render(api), api.unchecked)

"""`octo export --stubs`: write the code that hands an app's calls to its own functions, beside the model in `dist/`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octocli.core.project import Project
from octocli.core.samples import write_atomically
from octocli.core.stubs import check_languages, make_stub


@dataclass(frozen=True)
class StubFile:
    """One stub that was written.

    Attributes:
        language: what it is written in.
        file: where it lies.
        functions: how many functions it dispatches.
        unchecked: keywords of the spec that it leaves to octo's own check, by place.
    """

    language: str
    file: Path
    functions: int
    unchecked: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The stub as `octo export --json` prints it."""
        return {
            "language": self.language,
            "file": self.file.name,
            "functions": self.functions,
            "unchecked": list(self.unchecked),
        }


@dataclass(frozen=True)
class StubReport:
    """The stubs that were written."""

    stubs: tuple[StubFile, ...]


def write_stubs(project: Project, languages: Sequence[str]) -> StubReport:
    """Write one stub for each language into the project's `dist/`. Needs the spec and nothing else.

    Raises:
        NotMade: the project has no spec.
        BadInput: an unknown language, or a spec with faults.
    """
    check_languages(languages)
    made = [make_stub(project.spec, language) for language in dict.fromkeys(languages)]
    project.dist.mkdir(parents=True, exist_ok=True)
    files = []
    for stub in made:
        file = project.dist / stub.file_name
        write_atomically(file, stub.text)
        files.append(StubFile(stub.language, file, len(project.spec.functions), stub.unchecked))
    return StubReport(tuple(files))

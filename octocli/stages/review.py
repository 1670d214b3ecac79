"""`octo check`: read the spec as a model would, against the rows that it will be learned from.

Brings the phrase book and the data plan; the rules themselves are in `core/spec_review/`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from octocli.core.config import SynthSettings
from octocli.core.importers import load_any
from octocli.core.project import Project
from octocli.core.samples import read_samples
from octocli.core.spec import Spec
from octocli.core.spec_review import SEVERITIES, DataPlan, Finding, Severity, WordBook, review_spec
from octocli.stages.verify import is_verified
from octocli.teachers.builtin.packs import language_of

# Classes of verbs that the phrase book keeps apart, since they are said differently, and a person does not.
_TAKEN_FOR_THE_SAME: Mapping[str, str] = {
    "show": "look", "query": "look", "track": "look", "search": "look",
    "create": "make", "add": "make",
    "start": "begin", "turn_on": "begin", "open": "begin",
    "stop": "end", "turn_off": "end", "close": "end", "cancel": "end", "remove": "end",
    "toggle": "set", "text": "send", "order": "book",
}  # fmt: skip

# A spec that is not yet a project's has no name that matters.
_ANY_APP = "app"


@dataclass(frozen=True)
class ReviewReport:
    """What would make a spec hard to learn.

    Attributes:
        findings: the worst first, then in the order of the spec.
        functions: how many functions the spec has.
        parameters: how many parameters they have.
    """

    findings: tuple[Finding, ...]
    functions: int
    parameters: int

    def count(self, severity: Severity) -> int:
        """How many findings are that severe."""
        return sum(finding.severity == severity for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The report for a script."""
        return {
            "functions": self.functions,
            "parameters": self.parameters,
            **{f"{severity}s": self.count(severity) for severity in SEVERITIES},
            "findings": [finding.to_json() for finding in self.findings],
        }


def review(project: Project) -> ReviewReport:
    """Review a project's spec against its plan and, where they are verified as they are now, its accepted rows.

    Raises:
        BadInput: the settings or the spec are broken.
    """
    settings = project.config.synth
    return _report(project.spec, DataPlan(settings.per_function, _accepted(project)), settings.language)


def review_file(source: str, settings: SynthSettings | None = None) -> ReviewReport:
    """Review an API description in any format that octo reads; it need not be a project's.

    Args:
        source: a file, or a Python module.
        settings: the plan of the data; octo's defaults where there is none.

    Raises:
        BadInput: it cannot be read, or nothing of it can be taken over.
    """
    spec = load_any(source, app=_ANY_APP).spec
    settings = settings or SynthSettings()
    return _report(spec, DataPlan(settings.per_function), settings.language)


def word_book(language: str) -> WordBook:
    """The built-in teacher's words, as the review asks for them.

    Raises:
        BadInput: there is no pack of that language.
    """
    book = language_of(language).words
    verbs: dict[str, str] = {}
    for group in book.verbs["groups"]:
        # A verb that means this only beside certain nouns is read by its general meaning.
        for verb in group["names"] if "nouns" not in group else ():
            if verb != "*":
                verbs.setdefault(verb, _TAKEN_FOR_THE_SAME.get(group["class"], group["class"]))
    synonyms = {noun: frozenset(w for w in words if " " not in w) for noun, words in book.nouns["synonyms"].items()}
    return WordBook(verbs, synonyms)


def _report(spec: Spec, plan: DataPlan, language: str) -> ReviewReport:
    findings = review_spec(spec, plan, word_book(language))
    return ReviewReport(findings, len(spec.functions), sum(len(function.params) for function in spec.functions))


def _accepted(project: Project) -> dict[str, int] | None:
    """Training rows by function; None where the samples were not verified since they, the spec or the plan changed."""
    if not is_verified(project):
        return None
    rows = (sample for sample in read_samples(project.accepted_file) if sample.split == "train")
    return dict(Counter(name for sample in rows for name in {str(call["name"]) for call in sample.calls}))

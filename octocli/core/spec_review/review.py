"""A spec read as a model would read it: every rule in turn, and what they found in one list."""

from octocli.core.spec import Spec
from octocli.core.spec_review.confusable import confusable_remarks
from octocli.core.spec_review.coverage import coverage_remarks
from octocli.core.spec_review.descriptions import description_remarks
from octocli.core.spec_review.findings import DataPlan, Finding, gathered
from octocli.core.spec_review.listed_values import listed_value_remarks
from octocli.core.spec_review.names import name_remarks
from octocli.core.spec_review.shapes import shape_remarks
from octocli.core.spec_review.unspoken import unspoken_remarks
from octocli.core.spec_review.words import WordBook


def review_spec(spec: Spec, plan: DataPlan, book: WordBook | None = None) -> tuple[Finding, ...]:
    """What would make the spec hard to learn, the worst first; a spec that a model learns well gives nothing.

    Args:
        spec: the spec, checked already: what is invalid was refused when it was read.
        plan: how many rows it will be learned from.
        book: verbs and synonyms; without one, words are compared as they are and verbs are not asked for.
    """
    book = book or WordBook()
    return gathered(
        [
            *description_remarks(spec),
            *confusable_remarks(spec, book),
            *name_remarks(spec, book),
            *unspoken_remarks(spec),
            *listed_value_remarks(spec, plan),
            *coverage_remarks(spec, plan),
            *shape_remarks(spec),
        ]
    )

"""What would make a spec hard to learn: findings with place, reason and mend. One module for each group of rules."""

from octocli.core.spec_review.findings import SEVERITIES, DataPlan, Finding, Severity
from octocli.core.spec_review.review import review_spec
from octocli.core.spec_review.words import WordBook

__all__ = ["SEVERITIES", "DataPlan", "Finding", "Severity", "WordBook", "review_spec"]

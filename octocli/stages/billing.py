"""What the samples have cost so far, over all sittings and teachers, by function, beside the paper's figure.

Nothing here is kept that the ledger, the replies and the samples do not say; `data/bill.json` is their sum, for people
and scripts.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace

from octocli.core.project import Project, write_json
from octocli.core.samples import parse_sample, read_whole_lines
from octocli.stages.checks import first_reason
from octocli.teachers.builtin.packs import language_of
from octocli.teachers.judging import OPINION
from octocli.teachers.ledger import Entry, read_entries
from octocli.teachers.prices import Price

# arXiv 2404.01744: what a thousand samples of one API cost there, in US dollars.
PAPER_PER_THOUSAND = 0.0224


@dataclass(frozen=True)
class Cost:
    """What some replies cost, and what came of them.

    Attributes:
        asked: requests that were sent.
        replies: of them, those that were answered.
        unknown: of them, those that were lost on the way; they may have been answered, and paid for.
        tokens_in: tokens sent in what was answered.
        tokens_out: tokens that came back.
        spent: US dollars for the replies.
        held: US dollars that the unknown ones cost at most.
        unpriced: replies and unknown ones that nobody knew a price of; they are in no sum of dollars.
        samples: rows that hold.
        per_thousand: US dollars spent for a thousand of them; None where there are none.
    """

    asked: int = 0
    replies: int = 0
    unknown: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    spent: float = 0.0
    held: float = 0.0
    unpriced: int = 0
    samples: int = 0
    per_thousand: float | None = None

    @property
    def most(self) -> float:
        """US dollars that it may have cost."""
        return self.spent + self.held


@dataclass(frozen=True)
class Costs:
    """The bill of a project: in all, and by function or kind of negative."""

    total: Cost = Cost()
    by_function: dict[str, Cost] = field(default_factory=dict)
    paper_per_thousand: float = PAPER_PER_THOUSAND


def entries_of(project: Project, model: str, price: Price | None) -> list[Entry]:
    """Every try of the project; where nobody knew the model's price on the day, it is today's."""
    entries = read_entries(project.ledger_file, project.replies_file)
    return [replace(e, price=price) if e.price is None and e.model == model else e for e in entries]


def cost_of(entries: Iterable[Entry], samples: int = 0) -> Cost:
    """The sum of some tries."""
    counts: Counter[str] = Counter()
    spent = held = 0.0
    for entry in entries:
        counts["asked"] += 1
        counts[entry.outcome] += 1
        if entry.outcome == "refused":
            continue
        dollars = entry.price.of(*entry.tokens) if entry.price else 0.0
        counts["unpriced"] += entry.price is None
        if entry.outcome == "unknown":
            held += dollars
        else:
            spent += dollars
            if entry.counted:
                counts["tokens_in"] += entry.tokens[0]
                counts["tokens_out"] += entry.tokens[1]
    return Cost(
        asked=counts["asked"],
        replies=counts["reply"],
        unknown=counts["unknown"],
        tokens_in=counts["tokens_in"],
        tokens_out=counts["tokens_out"],
        spent=spent,
        held=held,
        unpriced=counts["unpriced"],
        samples=samples,
        per_thousand=spent / samples * 1000 if samples else None,
    )


def costs_of(project: Project, entries: Iterable[Entry]) -> Costs:
    """The bill of the tries, with the project's rows that hold."""
    by_function: dict[str, list[Entry]] = {}
    for entry in entries:
        by_function.setdefault(_function(entry.task), []).append(entry)
    samples = _samples(project) if by_function else Counter()
    return Costs(
        cost_of((entry for group in by_function.values() for entry in group), samples.total()),
        {name: cost_of(group, samples[name]) for name, group in sorted(by_function.items())},
    )


def keep_costs(project: Project, costs: Costs) -> None:
    """Write the bill for people and scripts."""
    write_json(project.bill_file, {"version": 1, **asdict(costs)})


def _samples(project: Project) -> Counter[str]:
    """Rows that hold, of teachers that were asked."""
    samples: Counter[str] = Counter()
    language = language_of(project.config.synth.language)
    for number, line in read_whole_lines(project.samples_file):
        sample = parse_sample(line, f"{project.samples_file}:{number}")
        if "task" in sample.extra and first_reason(sample, project.spec, project.tokens, language) is None:
            samples[_function(str(sample.extra["task"]))] += 1
    return samples


def _function(task: str) -> str:
    """Of `play_song/positive/train/0` the function; of a task for negatives `none` and their kind."""
    if task == OPINION:
        return "second opinion"
    subject, _, rest = task.replace("/mend/", "/").rpartition("/")[0].rpartition("/")[0].rpartition("/")
    return f"none/{rest}" if subject == "none" else subject

"""`octo synth --dry-run`: what an LLM would be asked for and what that costs, without asking anybody."""

from dataclasses import dataclass, replace

from octocli.core.config import TeacherSettings, override
from octocli.core.project import Project
from octocli.stages.billing import Costs, costs_of, entries_of
from octocli.stages.cell_tasks import fillings, look_alikes, planned_values
from octocli.stages.shards import Shard
from octocli.stages.synthesize import plan
from octocli.teachers.builtin.packs import language_of
from octocli.teachers.opening import completer_name
from octocli.teachers.prices import Quote, quote_of
from octocli.teachers.replies import first_replies, read_replies, request_hash
from octocli.teachers.wording import NEGATIVE_KINDS, request_of

# Rules of thumb for English.
_LETTERS_A_TOKEN, _TOKENS_A_LINE = 4, 40


@dataclass(frozen=True)
class Estimate:
    """What the first round would ask for, and what that costs if every line holds; US dollars, None without prices.

    `values` counts the distinct values that are planned, by function and parameter; `quote` is the price with its day
    and its source, `costs` the bill so far.
    """

    by_cell: dict[str, int]
    values: dict[str, dict[str, int]]
    requests: int
    known: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    most: float | None
    quote: Quote | None
    costs: Costs


def estimate(
    project: Project,
    *,
    per_function: int | None = None,
    negatives: float | None = None,
    teacher: TeacherSettings | None = None,
    shard: Shard | None = None,
) -> Estimate:
    """The plan and its first round, without asking anybody.

    Raises:
        BadInput: a price table cannot be read.
    """
    settings = override(project.config.synth, {"per_function": per_function, "negatives": negatives})
    who = teacher or project.config.teacher
    cells = plan(project.spec, settings, tuple(NEGATIVE_KINDS))
    if shard:
        project, cells = replace(project, shard=str(shard)), shard.of(cells)
    begun = fillings(cells, project.spec, settings, project.config.seed)
    tasks = [task for filling in begun.values() for task in filling.next_tasks()]
    close = look_alikes(project.spec, settings)
    language = language_of(settings.language).name
    requests = [request_of(task, project.spec, project.config.seed, close, language) for task in tasks]
    files = [project.whole.replies_file, *sorted(project.shards.glob("*/replies.jsonl"))]
    answered = first_replies(map(read_replies, files))
    unasked = [request for request in requests if request_hash(completer_name(who), request) not in answered]
    tokens_in = sum(len(r.system) + len(r.prompt) for r in unasked) // _LETTERS_A_TOKEN
    tokens_out = sum(task.lines for task in tasks) * _TOKENS_A_LINE * len(unasked) // max(1, len(tasks))
    quote = quote_of(who, project.prices_file)
    price = quote.price if quote else None
    return Estimate(
        by_cell={cell.name: cell.wanted for cell in cells},
        values=planned_values(tasks),
        requests=len(unasked),
        known=len(requests) - len(unasked),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=price.of(tokens_in, tokens_out) if price else None,
        most=sum(price.at_most(request) for request in unasked) if price else None,
        quote=quote,
        costs=costs_of(project, entries_of(project, completer_name(who), price)),
    )

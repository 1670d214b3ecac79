"""One sitting with an LLM: its replies, the ledger and the bill opened together, and what it cost kept however it ends.

What is asked is the business of the stages that sit: `ask_teacher` and `second_opinion`.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from octocli.core.config import TeacherSettings
from octocli.core.project import Project
from octocli.stages.billing import Costs, cost_of, costs_of, entries_of, keep_costs
from octocli.teachers.asking import Asking, Manners
from octocli.teachers.bill import Bill
from octocli.teachers.ledger import Ledger
from octocli.teachers.opening import completer_name, open_completer
from octocli.teachers.prices import FREE, needed_quote, quote_of
from octocli.teachers.replies import Replies


@dataclass
class Sitting:
    """An LLM that can be asked, and the replies that there are. `costs` are all sittings', once this one has ended."""

    asking: Asking
    replies: Replies
    costs: Costs = field(default_factory=Costs)


@contextmanager
def sitting(project: Project, who: TeacherSettings, budget: float | None) -> Iterator[Sitting]:
    """Sit down with `who`.

    Args:
        project: whose samples; a shard has a ledger of its own and finds the replies of the whole.
        who: the LLM.
        budget: US dollars, of all sittings together, never passed; that of octo.toml if none.

    Raises:
        BadInput: the LLM cannot be opened, or has no price and there is a budget.
    """
    budget = who.budget if budget is None else budget
    find = quote_of if budget is None else needed_quote
    quote = find(who, project.prices_file)
    price = quote.price if quote else None
    found = [project.whole.replies_file] if project.shard else []
    with closing(Replies(project.replies_file, completer_name(who), found)) as replies:
        completer = open_completer(who, replies)
        with closing(Ledger(project.ledger_file, completer.model, price)) as ledger:
            before = cost_of(entries_of(project, completer.model, price))
            bill = Bill(price or FREE, budget, before.most, ledger)
            manners = Manners(at_once=who.at_once, per_minute=who.per_minute)
            opened = Sitting(Asking(completer, bill, manners, replies.keep), replies)
            try:
                yield opened
            finally:
                opened.costs = costs_of(project, entries_of(project, completer.model, price))
                keep_costs(project, opened.costs)

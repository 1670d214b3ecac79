"""The score card as a page to look at: `report.html`, one file, no scripts. The numbers are `evaluate.py`'s."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from octocli.core.scoring import Rate

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; }
table { border-collapse: collapse; margin: 0.5rem 0 2rem; }
th, td { text-align: left; padding: 0.25rem 1rem 0.25rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.bar { background: #e8e8e8; width: 12rem; height: 0.7rem; position: relative; }
.bar i { background: #3b6ea5; height: 100%; display: block; }
code { font-size: 13px; }
"""


def score_page(
    title: str, groups: Sequence[tuple[str, Mapping[str, Rate]]], errors: Sequence[Mapping[str, Any]]
) -> str:
    """The page: a table of rates for each group, then the wrong answers.

    Args:
        title: what was scored.
        groups: (heading, rates by name).
        errors: wrong answers with `query`, `expected`, `calls`, `confidence`, as text.
    """
    tables = "".join(f"<h2>{escape(heading)}</h2>{_table(rates)}" for heading, rates in groups)
    wrong = "".join(_rows((e["query"], e["expected"], e["calls"], e["confidence"]) for e in errors))
    head = _heads("query", "expected", "got", "confidence")
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(title)}</h1>{tables}<h2>Wrong answers ({len(errors)})</h2><table>{head}{wrong}</table></html>\n"
    )


def _table(rates: Mapping[str, Rate]) -> str:
    rows = []
    for name, rate in rates.items():
        low, high = rate.interval
        value = f"{rate.value:.1%}" if rate.n else "-"
        bar = f'<div class=bar><i style="width:{rate.value:.0%}"></i></div>' if rate.n else ""
        cells = (value, f"{low:.1%} to {high:.1%}" if rate.n else "-", str(rate.n))
        numbers = "".join(f"<td class=number>{cell}</td>" for cell in cells)
        rows.append(f"<tr><td>{escape(name)}</td>{numbers}<td>{bar}</td></tr>")
    return f"<table>{_heads('score', 'value', '95 % interval', 'n', '')}{''.join(rows)}</table>"


def _heads(*names: str) -> str:
    return "<tr>" + "".join(f"<th>{escape(name)}</th>" for name in names) + "</tr>"


def _rows(rows: Iterable[Sequence[str]]) -> Iterable[str]:
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"

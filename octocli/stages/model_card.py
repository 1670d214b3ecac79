"""The card of a merged model: which apps are in it, what they were made from, under which licences, and the numbers."""

from collections.abc import Mapping
from typing import Any

from octocli.core.scoring import Rate


def model_card(name: str, record: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """The card as Markdown.

    Args:
        name: the merged app's.
        record: `run.json` of the merged run.
        report: `merge.json` beside it.
    """
    base = record["manifest"]["base"]
    lines = [
        f"# {name}",
        "",
        f"Merged by octo {record['versions']['octocli']} from {len(record['merged_from'])} apps on {base['name']} "
        f"(licence: {base['licence']}; {base['checksum']}), method {record['merge']['method']}, healed for "
        f"{report['heal_steps']} steps ({report['heal_steps'] / max(1, report['training_steps']):.1%} of the apps').",
        "",
        "| app | functions | samples | written by | their licence | strict call alone | merged "
        "| difference, 95 % interval | n |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for card in record["merged_from"]:
        score = report["apps"][card["app"]]
        low, high = score["interval"]
        lines.append(
            f"| {card['app']} | {card['functions']} | {card['samples']} | {', '.join(card['teachers'])} "
            f"| {card['data_licence'] or 'not stated'} "
            f"| {_percent(score['before'])} | {_percent(score['after'])} "
            f"| {100 * low:+.1f} to {100 * high:+.1f} points | {score['after']['n']} |"
        )
    lines += [
        "",
        f"Function choice over all apps: {_percent(report['function_choice']['after'])}. "
        f"Requests that nothing serves, refused: {_percent(report['abstention']['after'])}. "
        f"Two apps in one request, strict call: {_percent(report['across'])}.",
        "",
    ]
    return "\n".join(lines)


def _percent(rate: Mapping[str, Any]) -> str:
    """A rate of a report, with its interval and its n."""
    if not rate["n"]:
        return "not measured"
    low, high = Rate(rate["hits"], rate["n"]).interval
    return f"{rate['value']:.1%} ({low:.1%} to {high:.1%})"

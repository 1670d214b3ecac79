"""Read a run's score card: `python examples/read_score_card.py PROJECT [RUN]`.

`octo eval` writes it to `runs/RUN/report.json`; nothing is measured again here.
"""

import json
import sys
from pathlib import Path

SCORES = ("function_choice", "recall", "strict", "relaxed", "abstention", "missing")


def main(project: str, run: str = "main") -> None:
    """Show each score with its 95 % interval and its n."""
    card = json.loads((Path(project) / "runs" / run / "report.json").read_text(encoding="utf-8"))
    for name in SCORES:
        rate = card[name]
        if rate["n"]:
            interval = f"{rate['low']:.1%} to {rate['high']:.1%}"
            sys.stdout.write(f"{name:16} {rate['value']:7.1%}   {interval:>17}   n = {rate['n']}\n")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])

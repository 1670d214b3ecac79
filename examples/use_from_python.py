"""Ask a model from Python: `python examples/use_from_python.py MODEL "what a user would say"`.

MODEL is a GGUF that octo exported, or a run folder. The file alone is enough: it holds functions, tokens and prompt.
"""

import json
import sys
from datetime import datetime
from pathlib import Path

from octocli.runtime.caller import open_caller


def main(model: str, *queries: str) -> None:
    """Answer each query with a line of JSON."""
    # Opening reads the weights and makes the grammar; keep a caller open for as long as your app runs.
    with open_caller(Path(model)) as caller:
        for query in queries:
            # The clock is for words such as "in ten minutes"; pass the user's own.
            answer = caller.ask(query, now=datetime.now())
            for call in answer.calls:
                # A call with `missing` or `unresolved` is a question back to the user. Any other one is valid.
                ready = not call.get("missing") and not call.get("unresolved")
                confirm = caller.manifest.spec.by_name[call["name"]].confirm
                show({"query": query, **call, "ready": ready, "confirm": confirm, "confidence": answer.confidence})
            if not answer.calls:
                show({"query": query, "name": None, "confidence": answer.confidence})


def show(data: dict[str, object]) -> None:
    """Write one line of JSON."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])

"""Which function has which token. Assigned once, never reused, so an edit of the spec never re-labels a trained one.

Works on names and token texts; ids of a vocabulary belong to `model/`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.spec import Spec, read_json

MAX_TOKEN_BYTES = 32  # llama.cpp's detokenizer drops longer texts in silence


@dataclass(frozen=True)
class TokenTable:
    """The tokens of one app. `indices` holds every function that ever had one, retired ones included."""

    app: str
    indices: Mapping[str, int]

    @property
    def none(self) -> str:
        """The token that answers what no function serves."""
        return f"<{self.app}_none>"

    @property
    def end(self) -> str:
        """The token that ends every answer."""
        return f"<{self.app}_end>"

    def token(self, function: str) -> str:
        """The token text of a function, e.g. `<doordash_3>`."""
        return f"<{self.app}_{self.indices[function]}>"

    def tokens(self, spec: Spec) -> dict[str, str]:
        """Token text by function name, for the functions that the spec has now."""
        return {f.name: self.token(f.name) for f in spec.functions}

    def all_tokens(self, spec: Spec) -> list[str]:
        """Every token a model of this spec needs: functions in spec order, then none, then end."""
        return [*self.tokens(spec).values(), self.none, self.end]

    def extended(self, spec: Spec) -> "TokenTable":
        """The table with a fresh index for every function that has none yet."""
        indices = dict(self.indices)
        for function in spec.functions:
            if function.name not in indices:
                indices[function.name] = max(indices.values(), default=-1) + 1
        table = TokenTable(self.app, indices)
        for token in table.all_tokens(spec):
            if len(token.encode()) > MAX_TOKEN_BYTES:
                raise BadInput(
                    f"tokens.json: {token} is longer than {MAX_TOKEN_BYTES} bytes",
                    hint="shorten the app name",
                )
        return table

    def to_json(self) -> dict[str, Any]:
        """The table as `tokens.json` writes it."""
        return {"version": 1, "app": self.app, "functions": dict(self.indices)}


def assign_tokens(spec: Spec) -> TokenTable:
    """A first table: functions numbered in spec order."""
    return TokenTable(spec.app, {}).extended(spec)


def load_tokens(path: Path) -> TokenTable:
    """Read `tokens.json`, or say what is wrong with it."""
    data = read_json(path)
    functions = data.get("functions") if isinstance(data, dict) else None
    if not isinstance(functions, dict) or not all(isinstance(i, int) and i >= 0 for i in functions.values()):
        raise BadInput(f"{path}: no token table", hint="it holds {app, functions: {name: index}}; restore it from git")
    if len(set(functions.values())) != len(functions):
        raise BadInput(f"{path}: two functions share an index", hint="every index is given once and never reused")
    return TokenTable(str(data.get("app", "")), functions)


def dump_tokens(table: TokenTable) -> str:
    """The text of `tokens.json`."""
    return json.dumps(table.to_json(), indent=2) + "\n"

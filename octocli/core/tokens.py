"""Which function has which token. Assigned once, never reused, so an edit of the spec never re-labels a trained one.

Works on names and token texts; ids of a vocabulary belong to `model/`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.spec import Spec, read_json

MAX_TOKEN_BYTES = 32  # llama.cpp's detokenizer drops longer texts in silence


@dataclass(frozen=True)
class TokenTable:
    """The tokens of one app, or of several that were merged.

    Attributes:
        app: whose *none* and *end* they are.
        indices: of every function that ever had a token, retired ones included.
        apps: in a merged table, the app that each function comes from and bears in its token.
    """

    app: str
    indices: Mapping[str, int]
    apps: Mapping[str, str] = field(default_factory=dict)

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
        return f"<{self.app_of(function)}_{self.indices[function]}>"

    def app_of(self, function: str) -> str:
        """The app that a function comes from."""
        return self.apps.get(function, self.app)

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
        table = TokenTable(self.app, indices, self.apps)
        for token in table.all_tokens(spec):
            if len(token.encode()) > MAX_TOKEN_BYTES:
                raise BadInput(
                    f"tokens.json: {token} is longer than {MAX_TOKEN_BYTES} bytes",
                    hint="shorten the app name",
                )
        return table

    def renamed(self, old: str, new: str) -> "TokenTable":
        """The table in which a function bears another name and the same token; what `new` had is given up."""
        indices = {new if name == old else name: i for name, i in self.indices.items() if name != new}
        apps = {new if name == old else name: app for name, app in self.apps.items() if name != new}
        return TokenTable(self.app, indices, apps)

    def to_json(self) -> dict[str, Any]:
        """The table as `tokens.json` writes it."""
        apps = {"apps": dict(self.apps)} if self.apps else {}
        return {"version": 1, "app": self.app, "functions": dict(self.indices), **apps}


def assign_tokens(spec: Spec) -> TokenTable:
    """A first table: functions numbered in spec order."""
    return TokenTable(spec.app, {}).extended(spec)


def joined_tables(tables: Sequence[TokenTable], app: str) -> TokenTable:
    """One table of several apps: each function keeps its token, *none* and *end* are those of `app`.

    Raises:
        BadInput: two tables hold one app or name one function, or `app` is the name of one of them.
    """
    indices: dict[str, int] = {}
    apps: dict[str, str] = {}
    for table in tables:
        own = {function: table.app_of(function) for function in table.indices}
        for name in sorted({*own.values(), table.app} & {*apps.values(), app}):
            raise BadInput(f"two apps are named {name!r}", hint="give one of them, or the merged app, another name")
        for function in sorted(set(own) & set(apps)):
            raise BadInput(
                f"{function!r} is a function of both {apps[function]!r} and {own[function]!r}",
                hint="rename it in one api.json and train that app again",
            )
        indices |= table.indices
        apps |= own
    return TokenTable(app, indices, apps)


def load_tokens(path: Path) -> TokenTable:
    """Read `tokens.json`, or say what is wrong with it."""
    data = read_json(path)
    functions = data.get("functions") if isinstance(data, dict) else None
    if not isinstance(functions, dict) or not all(isinstance(i, int) and i >= 0 for i in functions.values()):
        raise BadInput(f"{path}: no token table", hint="it holds {app, functions: {name: index}}; restore it from git")
    apps = data.get("apps", {})
    if not isinstance(apps, dict) or not set(apps) <= set(functions):
        raise BadInput(f"{path}: 'apps' names no functions of the table", hint="merge again, or restore it from git")
    table = TokenTable(str(data.get("app", "")), functions, apps)
    if len({table.token(name) for name in functions}) != len(functions):
        raise BadInput(f"{path}: two functions share an index", hint="every index is given once and never reused")
    return table


def dump_tokens(table: TokenTable) -> str:
    """The text of `tokens.json`."""
    return json.dumps(table.to_json(), indent=2) + "\n"

"""What an API gained, lost and renamed since a run was trained, told by tokens: a token is a function's for good."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.kinds import SYNONYMS
from octocli.core.manifest import Manifest
from octocli.core.project import Project
from octocli.core.spec import Function

_WORDS = frozenset({"description", "title", "examples", SYNONYMS})


@dataclass(frozen=True)
class Growth:
    """How the functions of a spec differ from those of a run.

    Attributes:
        added: functions without a trained token, by their names now.
        changed: functions with other parameters than the run was taught.
        dropped: functions that the spec has no more, by their names then.
        now_called: the name that each function of both has now, by its name then.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    dropped: tuple[str, ...]
    now_called: Mapping[str, str]

    @property
    def taught(self) -> frozenset[str]:
        """What has to be learnt."""
        return frozenset((*self.added, *self.changed))

    @property
    def renamed(self) -> dict[str, str]:
        """New names by old ones, where they differ."""
        return {old: new for old, new in self.now_called.items() if old != new}

    @property
    def kept(self) -> frozenset[str]:
        """Functions that are as they were, but for their names now."""
        return frozenset(self.now_called.values()) - self.taught

    def to_json(self) -> dict[str, Any]:
        """The growth as a run's record has it."""
        return {
            "added": list(self.added),
            "changed": list(self.changed),
            "dropped": list(self.dropped),
            "renamed": self.renamed,
        }


def growth_since(before: Manifest, project: Project) -> Growth:
    """How the project's functions differ from those that a run was taught.

    Raises:
        BadInput: another app, several merged ones, or nothing differs.
    """
    if before.tokens.apps:
        raise BadInput(
            f"{project.root}: a merged project",
            hint="change the app in its own project, grow it there, and merge again",
        )
    if before.tokens.app != project.spec.app:
        raise BadInput(f"{project.spec_file}: the app is {project.spec.app!r}, the run's {before.tokens.app!r}")
    then = {before.tokens.token(f.name): f for f in before.spec.functions}
    now = {project.tokens.token(f.name): f for f in project.spec.functions}
    both = [token for token in now if token in then]
    growth = Growth(
        added=tuple(now[token].name for token in now if token not in then),
        changed=tuple(now[t].name for t in both if _schemas(now[t]) != _schemas(then[t])),
        dropped=tuple(then[token].name for token in then if token not in now),
        now_called={then[token].name: now[token].name for token in both},
    )
    if not (growth.taught or growth.dropped or growth.renamed):
        raise BadInput(
            "nothing to grow: the run has the functions that api.json has",
            hint="add, drop or rename (octo rename) a function, then octo synth and octo verify",
        )
    return growth


def _schemas(function: Function) -> tuple[Any, Any]:
    """What a call of the function holds and gives."""
    return _unworded(function.parameters), _unworded(function.returns)


def _unworded(schema: Any) -> Any:
    """A schema without what only tells of it: other words for a parameter leave its calls as they are."""
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: {name: _unworded(part) for name, part in value.items()}
        if key in ("properties", "$defs")
        else _unworded(value)
        for key, value in schema.items()
        if key not in _WORDS
    }

"""`octo rename`: a function gets another name in spec, samples and token table; its token, and so its model, stays.

A run knows the function by its old name until `octo grow` gives it the new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from octocli.core.calls import with_names
from octocli.core.errors import BadInput
from octocli.core.project import Project, read_record, write_json
from octocli.core.samples import dump_line, parse_sample, read_lines, write_atomically
from octocli.core.spec import load_spec, parse_spec, read_json
from octocli.core.tokens import TokenTable, dump_tokens, load_tokens


@dataclass(frozen=True)
class RenameReport:
    """What was renamed: the token that stays, and how many samples call the function."""

    token: str
    samples: int


def rename(project: Project, old: str, new: str) -> RenameReport:
    """Rename a function; one that is renamed in `api.json` already gets its token and samples back.

    What a kill leaves half-done, the same call finishes: the spec changes first, the token table last.

    Raises:
        BadInput: no such function, or the name is taken or none.
    """
    spec = load_spec(project.spec_file)
    names = {f.name for f in spec.functions}
    table = load_tokens(project.tokens_file)
    if table.apps:
        raise BadInput(f"{project.root}: a merged project", hint="rename it in the app's own project, and merge again")
    table = table.extended(spec)
    _check(project, table, old, new, names)
    if old in names:
        renamed = _renamed_spec(read_json(project.spec_file), old, new)
        parse_spec(renamed)
        write_json(project.spec_file, renamed)
    files = (project.samples_file, project.accepted_file, project.rejected_file)
    counts = [_rename_in(path, old, new) for path in files if path.exists()]
    table = table.renamed(old, new)
    write_atomically(project.tokens_file, dump_tokens(table))
    return RenameReport(table.token(new), max(counts, default=0))


def _check(project: Project, table: TokenTable, old: str, new: str, names: set[str]) -> None:
    if old == new:
        raise BadInput(f"{old!r} is its name already", hint="octo rename OLD NEW")
    if old not in table.indices or (old not in names and new not in names):
        hint = f"there are: {', '.join(sorted(names))}"
        raise BadInput(f"{project.tokens_file}: no function {old!r} to rename to {new!r}", hint=hint)
    if new in table.indices and new not in names:
        raise BadInput(
            f"{new!r} was another function's name, and its samples may be there still", hint="choose another name"
        )
    if old in names and new in names:
        raise BadInput(f"{project.spec_file}: {new!r} is another function's name", hint="choose another name")
    for record in sorted(project.runs.glob("*/run.json")):
        trained = read_record(record).get("manifest", {}).get("tokens", {})
        if trained.get(new, table.indices[old]) != table.indices[old]:
            raise BadInput(
                f"{new!r} has a token of its own, which run {record.parent.name!r} was trained with",
                hint="choose another name, or delete that run",
            )


def _renamed_spec(data: Any, old: str, new: str) -> Any:
    """The spec's JSON with the function's new name, in the calls of its examples too."""
    if isinstance(data, list):
        return [_renamed_function(function, old, new) for function in data]
    return {**data, "functions": _renamed_spec(data["functions"], old, new)}


def _renamed_function(function: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    examples = [
        {**example, "calls": with_names(example["calls"], {old: new})} if isinstance(example, Mapping) else example
        for example in function.get("examples", ())
    ]
    renamed = {**function, "examples": examples} if examples else dict(function)
    return {**renamed, "name": new} if function["name"] == old else renamed


def _rename_in(path: Path, old: str, new: str) -> int:
    """Rename the calls of a JSONL file of samples; returns how many samples changed."""
    lines, changed = [], 0
    for number, data in read_lines(path, growing=True):
        before = parse_sample(data, f"{path}:{number}")
        cell = str(before.extra.get("cell", ""))
        head, slash, rest = cell.partition("/")
        extra = {**before.extra, "cell": new + slash + rest} if head == old and slash else before.extra
        after = replace(before, calls=tuple(with_names(before.calls, {old: new})), extra=extra)
        changed += after != before
        lines.append(dump_line(after.to_json()))
    write_atomically(path, "".join(lines))
    return changed

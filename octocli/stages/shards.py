"""One plan, made on several machines: which cells are whose, and how the parts come together.

A cell is made whole on one machine, so its stream and its rounds are those of a run without shards. A shard writes into
a folder of its own, `data/shards/3-of-8`; the machine that has those folders takes what is in them as made, and makes
the rest. Taking it twice changes nothing.
"""

import heapq
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from octocli import __version__
from octocli.core.errors import BadInput
from octocli.core.project import Project, file_hash, read_record, write_json
from octocli.core.samples import Appender, Sample, parse_sample, read_whole_lines


class _Wanting(Protocol):
    @property
    def wanted(self) -> int: ...


Part = TypeVar("Part", bound=_Wanting)
_Key = Callable[[Mapping[str, Any]], tuple[str, str]]


@dataclass(frozen=True)
class Shard:
    """The `number`th of `count` parts, counted from one."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}-of-{self.count}"

    def of(self, cells: Sequence[Part]) -> list[Part]:
        """This shard's cells, in the order of the plan: the largest first, each goes to the shard that has least."""
        loads = [(0, number) for number in range(1, self.count + 1)]
        mine = []
        for index in sorted(range(len(cells)), key=lambda index: -cells[index].wanted):
            load, number = loads[0]
            heapq.heapreplace(loads, (load + cells[index].wanted, number))
            if number == self.number:
                mine.append(index)
        return [cells[index] for index in sorted(mine)]


def parse_shard(text: str) -> Shard:
    """The shard that is written as `3/8`.

    Raises:
        BadInput: it is not written so.
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise BadInput(f"--shard {text}: no part of a whole", hint="the third of eight machines gives --shard 3/8")
    return Shard(int(found[1]), int(found[2]))


def begin_shard(project: Project, shard: Shard) -> Project:
    """The project as this shard writes it, with a record of what it is made from.

    Raises:
        BadInput: the folder holds a part that was made from something else.
    """
    part = replace(project, shard=str(shard))
    if part.shard_record.exists():
        _check(part)
    else:
        write_json(part.shard_record, _origin(project))
    return part


def made_by_shards(project: Project) -> dict[str, dict[int, Sample]]:
    """The built-in teacher's samples in all shards, by cell and draw.

    Raises:
        BadInput: a shard was made from something else, or one of its lines is not as octo writes it.
    """
    made: dict[str, dict[int, Sample]] = {}
    for part in _parts(project):
        for number, line in read_whole_lines(part.samples_file):
            sample = parse_sample(line, f"{part.samples_file}:{number}")
            if "draw" in sample.extra:
                made.setdefault(str(sample.extra["cell"]), {}).setdefault(int(sample.extra["draw"]), sample)
    return made


def take_replies(project: Project) -> None:
    """Add what shards asked and were answered to the project's own files, each line once.

    Raises:
        BadInput: a shard was made from something else, or one of its lines is not as octo writes it.
    """
    parts = _parts(project)
    # A try first, its reply second: a reply without its try would be on no bill.
    _take([part.ledger_file for part in parts], project.ledger_file, _ledger_key)
    _take([part.replies_file for part in parts], project.replies_file, _reply_key)


def _take(sources: Sequence[Path], into: Path, key: _Key) -> None:
    if not any(source.exists() for source in sources):
        return
    with Appender(into) as out:
        there = {_checked_key(key, line, f"{into}:{number}") for number, line in read_whole_lines(into)}
        for source in sources:
            for number, line in read_whole_lines(source):
                name = _checked_key(key, line, f"{source}:{number}")
                if name not in there:
                    there.add(name)
                    out.write(line)


def _checked_key(key: _Key, line: Any, where: str) -> tuple[str, str]:
    try:
        return key(line)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{where}: not as octo writes it: {error!r}", hint="take the file back from a copy, or delete that line"
        ) from None


def _ledger_key(line: Mapping[str, Any]) -> tuple[str, str]:
    return ("sent", line["sent"]) if "sent" in line else ("refused", line["refused"])


def _reply_key(line: Mapping[str, Any]) -> tuple[str, str]:
    return line["asked"], line.get("sent", "")


def _parts(project: Project) -> list[Project]:
    """The shards that lie in the project, whole or not, the first part first."""
    found = [replace(project.whole, shard=path.parent.name) for path in project.shards.glob("*/*.jsonl")]
    found = list(dict.fromkeys(found))
    for part in found:
        _check(part)
    return sorted(found, key=lambda part: [int(number) for number in re.findall("[0-9]+", part.shard)])


def _check(part: Project) -> None:
    there, here = read_record(part.shard_record), _origin(part)
    if not there:
        raise BadInput(f"{part.shard_record}: no such file, or damaged", hint="copy the shard's folder whole")
    wrong = [name for name, value in here.items() if there.get(name) != value]
    if wrong:
        raise BadInput(
            f"{part.made}: made with another {' and another '.join(wrong)} than this project's",
            hint="make the shard again, or delete its folder",
        )


def _origin(project: Project) -> dict[str, Any]:
    return {"spec": file_hash(project.spec_file), "seed": project.config.seed, "octo": __version__}

"""One plan on several machines: the parts together are what one would have made, and nothing is paid for twice."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from provider_server import provider
from test_ask_teacher import project_at, teacher_at, writes
from tiny_projects import LAMPS, new_project, toml, write_rows

from octocli.core.config import TeacherSettings
from octocli.core.errors import BadInput
from octocli.core.project import Project
from octocli.core.samples import read_samples
from octocli.core.splits import normal
from octocli.stages.ask_teacher import ask_teacher
from octocli.stages.shards import Shard, begin_shard, parse_shard, take_replies
from octocli.stages.synthesize import plan, synthesize
from octocli.teachers.wording import NEGATIVE_KINDS

EIGHT = [Shard(number, 8) for number in range(1, 9)]
SETTINGS = (
    toml(synth="negatives = 1.0\nparallel = 0.3")
    .replace("per_function = 8", "per_function = 12", 1)
    .replace("held_out_per_function = 8", "held_out_per_function = 4", 1)
)


def machine(root: Path) -> Project:
    return new_project(root, LAMPS, SETTINGS)


def bring_together(parts: list[Project], into: Project) -> None:
    """Copy the folders of shards, as a person would."""
    for part in parts:
        shutil.copytree(part.shards, into.shards, dirs_exist_ok=True)


@pytest.mark.slow
def test_eight_machines_make_what_one_makes(tmp_path: Path) -> None:
    alone, together = machine(tmp_path / "alone"), machine(tmp_path / "together")
    synthesize(alone)
    machines = [machine(tmp_path / str(shard)) for shard in EIGHT]
    made = [synthesize(each, shard=shard).added for each, shard in zip(machines, EIGHT, strict=True)]
    assert min(made) > 0.5 * sum(made) / 8, "the work is not spread"
    assert not any(each.samples_file.exists() for each in machines)
    bring_together(machines, together)
    report = synthesize(together)
    assert together.samples_file.read_bytes() == alone.samples_file.read_bytes()
    assert report.added == len(read_samples(alone.samples_file))
    assert synthesize(together).added == 0 and together.samples_file.read_bytes() == alone.samples_file.read_bytes()


def test_what_two_have_said_stands_once_and_is_made_up_for(tmp_path: Path) -> None:
    alone, together = machine(tmp_path / "alone"), machine(tmp_path / "together")
    for shard in EIGHT:
        synthesize(together, shard=shard)
    # One row of each shard was said elsewhere, which its machine could not know.
    said = [next(file.open()) for file in sorted(together.shards.glob("*/samples.jsonl"))]
    for project in (alone, together):
        doubles = [{"query": json.loads(line)["query"].upper(), "calls": []} for line in said]
        write_rows(project.samples_file, doubles)
        synthesize(project)
    assert together.samples_file.read_bytes() == alone.samples_file.read_bytes()
    texts = [normal(sample.query) for sample in read_samples(together.samples_file)]
    assert len(set(texts)) == len(texts) and len(said) == 8


@pytest.mark.parametrize("lost", [{3}, {1, 2, 5, 8}])
def test_what_a_machine_did_not_bring_is_made_here(tmp_path: Path, lost: set[int]) -> None:
    alone, together = machine(tmp_path / "alone"), machine(tmp_path / "together")
    synthesize(alone)
    synthesize(together, shard=Shard(1, 8))
    for shard in EIGHT:
        synthesize(together, shard=shard)
        folder = together.shards / str(shard)
        if shard.number in lost:
            shutil.rmtree(folder)
        elif shard.number % 2:  # copied while it was being written, or killed
            file = folder / "samples.jsonl"
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    synthesize(together)
    assert together.samples_file.read_bytes() == alone.samples_file.read_bytes()


def test_a_shard_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole, torn = machine(tmp_path / "whole"), machine(tmp_path / "torn")
    file = Path("data/shards/2-of-3/samples.jsonl")
    synthesize(whole, shard=Shard(2, 3))
    synthesize(torn, shard=Shard(2, 3))
    content = (whole.root / file).read_bytes()
    (torn.root / file).write_bytes(content[: len(content) // 3])
    synthesize(torn, shard=Shard(2, 3))
    assert (torn.root / file).read_bytes() == content
    assert synthesize(torn, shard=Shard(2, 3)).added == 0


def test_shards_of_a_project_that_has_rows_make_the_others(tmp_path: Path) -> None:
    alone, together = machine(tmp_path / "alone"), machine(tmp_path / "together")
    for project in (alone, together):
        synthesize(project, per_function=20)
    before = together.samples_file.read_bytes()
    synthesize(alone)
    for shard in EIGHT:
        synthesize(together, shard=shard)
    assert together.samples_file.read_bytes() == before
    synthesize(together)
    assert sorted(lines(together)) == sorted(lines(alone)) and len(set(lines(alone))) == len(lines(alone))
    assert together.samples_file.read_bytes() == alone.samples_file.read_bytes()


def lines(project: Project) -> list[str]:
    return project.samples_file.read_text().splitlines()


def writes_alike(prompt: str) -> str:
    """As a teacher that says the same to many, where no function serves."""
    data = json.loads(writes(prompt))
    for line in data["lines"]:
        chance = random.Random(line["text"])
        if "Kind:" in prompt and chance.random() < 0.5:
            line["text"] = f"hello number {chance.randrange(20)}"
    return json.dumps(data)


def alike(root: Path) -> Project:
    return new_project(root, LAMPS, SETTINGS.replace("negatives = 1.0", "negatives = 3.0"))


@pytest.mark.slow
def test_eight_machines_ask_what_one_asks(tmp_path: Path) -> None:
    alone, together = alike(tmp_path / "alone"), alike(tmp_path / "together")
    with provider(writes_alike) as server:
        one = ask_teacher(alone, teacher=priced(server))
        asked = len(server.asked)
        machines = [alike(tmp_path / str(shard)) for shard in EIGHT]
        for each, shard in zip(machines, EIGHT, strict=True):
            ask_teacher(each, teacher=priced(server), shard=shard, budget=1.0)
            assert not each.samples_file.exists() and not each.replies_file.exists()
        in_shards = len(server.asked) - asked
        bring_together(machines, together)
        report = ask_teacher(together, teacher=priced(server))
        assert together.samples_file.read_bytes() == alone.samples_file.read_bytes()
        # One bill, of all machines; what two shards have both said is asked for anew, as one machine would have.
        assert len(server.asked) - asked == asked == in_shards + report.tally.asked and report.tally.asked > 0
        assert report.costs.total.asked == one.costs.total.asked == asked
        assert report.costs.total.spent == pytest.approx(one.costs.total.spent)
        # Taken once, the shards may go, or stay.
        again = ask_teacher(together, teacher=priced(server))
        assert again.costs == report.costs
        shutil.rmtree(together.shards)
        assert ask_teacher(together, teacher=priced(server)).costs == report.costs
        assert len(server.asked) == 2 * asked
    assert together.samples_file.read_bytes() == alone.samples_file.read_bytes()
    replayed = alike(tmp_path / "replayed")
    replayed.shards.mkdir(parents=True)
    for name in ("replies.jsonl", "ledger.jsonl"):
        shutil.copy(together.made / name, replayed.made / name)
    ask_teacher(replayed, teacher=TeacherSettings(name="replay", model="m"))
    assert replayed.samples_file.read_bytes() == alone.samples_file.read_bytes()


def priced(server: Any) -> TeacherSettings:
    return teacher_at(server, price_in=1.0, price_out=2.0)


def test_a_shard_asks_nothing_that_the_project_was_answered(tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    with provider(writes) as server:
        ask_teacher(project, teacher=teacher_at(server))
        asked = len(server.asked)
        report = ask_teacher(project, teacher=teacher_at(server), shard=Shard(1, 2))
        assert len(server.asked) == asked and report.added == 0


@pytest.mark.parametrize("change", ["seed", "spec"])
def test_a_shard_of_another_project_is_refused(tmp_path: Path, change: str) -> None:
    other, here = machine(tmp_path / "other"), machine(tmp_path / "here")
    if change == "seed":
        other.config_file.write_text("seed = 7\n" + other.config_file.read_text())
    else:
        other.spec_file.write_text(other.spec_file.read_text().replace("Lamps", "More lamps"))
    other = Project(other.root)
    synthesize(other, shard=Shard(1, 2))
    bring_together([other], here)
    for act in (synthesize, lambda p: synthesize(p, shard=Shard(1, 2))):
        with pytest.raises(BadInput, match=f"1-of-2: made with another {change}"):
            act(here)
    assert not here.samples_file.exists()


def test_a_shard_that_was_copied_in_part_is_told(tmp_path: Path) -> None:
    project = machine(tmp_path / "p")
    synthesize(project, shard=Shard(1, 8))
    (project.shards / "1-of-8" / "shard.json").unlink()
    with pytest.raises(BadInput, match=r"1-of-8/shard.json: no such file"):
        synthesize(project)


@pytest.mark.parametrize("name", ["ledger", "replies"])
@pytest.mark.parametrize("line", ['{"a": 1}', "[1]", "7"])
def test_a_line_of_a_shard_that_is_not_octos_is_told(tmp_path: Path, name: str, line: str) -> None:
    project = project_at(tmp_path / "p")
    begin_shard(project, Shard(1, 2))
    (project.shards / "1-of-2" / f"{name}.jsonl").write_text(f"{line}\n")
    with pytest.raises(BadInput, match=f"{name}.jsonl:1: not as octo writes it"):
        take_replies(project)


@pytest.mark.parametrize("text", ["", "0/8", "9/8", "3", "3/8/1", "a/b", "-1/8", "3 of 8"])
def test_what_is_no_shard_is_told(text: str) -> None:
    with pytest.raises(BadInput, match="no part of a whole"):
        parse_shard(text)


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_every_cell_has_one_shard(tmp_path: Path, count: int) -> None:
    project = machine(tmp_path / "p")
    cells = plan(project.spec, project.config.synth, tuple(NEGATIVE_KINDS))
    dealt = [cell.name for number in range(1, count + 1) for cell in Shard(number, count).of(cells)]
    assert sorted(dealt) == sorted(cell.name for cell in cells)
    assert parse_shard(f"1/{count}").of(cells) == Shard(1, count).of(cells)


def test_the_command_says_where_the_part_is_to_go(run: Any, tmp_path: Path) -> None:
    project = machine(tmp_path / "p")
    done = run("synth", "-C", project.root, "--shard", "2/3")
    assert done.code == 0 and "next: copy data/shards/2-of-3 into" in done.out
    assert run("synth", "-C", project.root, "--shard", "4/3").code == 2
    assert run("synth", "-C", project.root).code == 0 and project.samples_file.exists()

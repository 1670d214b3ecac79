"""The stages on a tiny base: the journey, what makes which stage stale, what verify catches, what export refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_projects import (
    LAMPS,
    built,
    copy_of,
    fun,
    lamp_rows,
    new_project,
    obj,
    shipped,
    spoil,
    toml,
    trained,
    write_rows,
)

from octocli.core.config import Config, load_config
from octocli.core.errors import BadInput, NotMade, Refused
from octocli.core.project import Project, open_project, write_json
from octocli.core.samples import read_samples
from octocli.core.splits import leaks
from octocli.model.gguf_header import read_metadata
from octocli.runtime.caller import open_caller
from octocli.stages.build import _is_evaluated, build
from octocli.stages.checks import check_grounding
from octocli.stages.evaluate import evaluate
from octocli.stages.export import export, is_exported
from octocli.stages.import_samples import import_samples
from octocli.stages.predict import predict
from octocli.stages.scaffold import scaffold, templates
from octocli.stages.synthesize import synthesize
from octocli.stages.train import is_trained
from octocli.stages.verify import is_verified, verify
from octocli.teachers.builtin.packs import language_of

EN = language_of("en")

STAGES = ("verify", "train", "eval", "export")


def stale(project: Project) -> set[str]:
    """Which stages would run again."""
    again = open_project(project.root)
    done = (is_verified(again), is_trained(again), _is_evaluated(again, "main"), is_exported(again))
    return {stage for stage, fresh in zip(STAGES, done, strict=True) if not fresh}


@pytest.fixture()
def made(tmp_path: Path) -> Project:
    """A built project that a test may change."""
    return copy_of(built(), tmp_path / "p")


# ---------------------------------------------------------------- build


def test_a_build_makes_every_file_of_the_design_and_no_other() -> None:
    root = built().root
    files = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
    run = {"adapter_config.json", "adapter_model.safetensors", "answers.json", "curve.json", "curve.png",
           "report.html", "report.json", "run.json", "tokenizer.json", "tokenizer_config.json",
           "tokens.json"}  # fmt: skip
    data = {"accepted.jsonl", "rejected.jsonl", "samples.jsonl", "verify.json"}
    assert files == {"octo.toml", "api.json", "tokens.json", "dist/lamps-q8_0.gguf", "dist/parity.json"} | {
        f"data/{name}" for name in data
    } | {f"runs/main/{name}" for name in run}


def test_a_second_build_does_nothing(made: Project) -> None:
    before = {p: p.stat().st_mtime_ns for p in made.root.rglob("*")}
    stages: list[tuple[str, Any]] = []
    report = build(open_project(made.root), on_stage=lambda *stage: stages.append(stage))
    assert report.fresh and stages == [(s, None) for s in ("synth", *STAGES)]
    assert {p: p.stat().st_mtime_ns for p in made.root.rglob("*")} == before


def _touch_spec(project: Project) -> None:
    data = json.loads(project.spec_file.read_text())
    data["functions"][0]["description"] += " Always."
    write_json(project.spec_file, data)


def _append(project: Project) -> None:
    rows = [
        {"query": "hush", "calls": [{"name": "stop_music", "arguments": {}}], "teacher": "import", "split": "train"}
    ]
    project.samples_file.write_text(project.samples_file.read_text() + json.dumps(rows[0]) + "\n")


def _settings(old: str, new: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        text = project.config_file.read_text()
        assert old in text
        project.config_file.write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        (_touch_spec, {"verify", "train"}),
        (_append, {"verify"}),
        (_settings("epochs = 12", "epochs = 13"), {"train"}),
        (_settings("lr = 0.005", "lr = 0.004"), {"train"}),
        (_settings("[synth]", "prompt = 'paper'\n[synth]"), {"train"}),
        (_settings("[synth]", "seed = 5\n[synth]"), {"verify", "train"}),
        (_settings("per_function = 8\n", "per_function = 9\n"), {"verify"}),
        (_settings("tolerance = 1.0", "tolerance = 1.0\nquant = 'f16'"), {"export"}),
        (_settings("[export]", "checkpoint_seconds = 5\n[export]"), set()),
        (_settings("[synth]", "# a remark\n[synth]"), set()),
        (lambda p: (p.run() / "report.json").unlink(), {"eval"}),
        (lambda p: p.gguf_file("q8_0").unlink(), {"export"}),
        (lambda p: (p.dist / "parity.json").unlink(), {"export"}),
        (lambda p: (p.run() / "run.json").unlink(), {"train", "eval", "export"}),
        (lambda p: p.verified_record.unlink(), {"verify"}),
        (lambda p: p.verified_record.write_text("{"), {"verify"}),
        (lambda p: (p.run() / "run.json").write_text("[]"), {"train", "eval", "export"}),
        (lambda p: (p.run() / "report.json").write_bytes(b"\xff"), {"eval"}),
        (lambda p: (p.dist / "parity.json").write_text(""), {"export"}),
    ],
)
def test_a_change_makes_stale_what_hangs_on_it(
    made: Project, change: Callable[[Project], Any], stages: set[str]
) -> None:
    assert stale(made) == set()
    change(made)
    assert stale(made) == stages


def test_what_comes_after_a_stale_stage_is_made_again_and_what_comes_before_is_not(made: Project) -> None:
    _settings("epochs = 12", "epochs = 11")(made)
    report = build(open_project(made.root))
    assert (report.synth, report.verify) == (None, None)
    assert report.train and report.train.fresh and report.evaluation and report.export
    assert stale(made) == set()


def test_the_shipped_file_alone_is_enough(tmp_path: Path) -> None:
    file = built().gguf_file("q8_0")
    copy = tmp_path / "anything.gguf"
    copy.write_bytes(file.read_bytes())
    with open_caller(copy, threads=1) as caller:
        assert caller.manifest.spec.app == "lamps" and len(caller.manifest.spec.functions) == 3
        assert caller.manifest.base["name"].endswith("base-llama-tied")
    assert json.loads(read_metadata(copy)["octo.manifest"])["prompt"] == "Query: {query}\nResponse:"


# ---------------------------------------------------------------- synth and verify


def test_synth_fills_its_plan_and_a_second_synth_adds_nothing(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    report = synthesize(project)
    rows = read_samples(project.samples_file)
    assert report.added == report.total == len(rows)
    assert {c["name"] for s in rows for c in s.calls} == {"set_lamp", "play_song", "stop_music"}
    content = project.samples_file.read_bytes()
    assert synthesize(project).added == 0 and project.samples_file.read_bytes() == content


def test_synth_is_the_same_for_a_seed_and_grows_without_changing_what_was_there(tmp_path: Path) -> None:
    one, two = new_project(tmp_path / "a"), new_project(tmp_path / "b")
    synthesize(one)
    synthesize(two, per_function=6)
    synthesize(two)
    lines = [set(p.samples_file.read_text().splitlines()) for p in (one, two)]
    assert lines[0] == lines[1]
    other = new_project(tmp_path / "c", settings=toml("seed = 4"))
    synthesize(other)
    assert other.samples_file.read_text() != one.samples_file.read_text()


def test_accepted_rows_stand_on_one_side_only_and_none_is_lost() -> None:
    project = built()
    accepted = read_samples(project.accepted_file)
    assert leaks(accepted, project.spec) == {"text": 0, "skeleton": 0, "value": 0}
    rejected = project.rejected_file.read_text().splitlines()
    assert len(accepted) + len(rejected) == len(read_samples(project.samples_file))
    assert {s.split for s in accepted} == {"train", "validation", "test"}


def lamp(level: Any = 40, room: Any = "kitchen", **more: Any) -> list[dict[str, Any]]:
    return [{"name": "set_lamp", "arguments": {"level": level, "room": room, **more}}]


def song(title: str) -> list[dict[str, Any]]:
    return [{"name": "play_song", "arguments": {"title": title}}]


SOUND: list[dict[str, Any]] = [
    {"query": "kitchen lamp to 40", "calls": lamp()},
    {"query": "Office lamp to forty", "calls": lamp(room="office"), "said": {"/0/arguments/level": "forty"}},
    {"query": "please play the old song yellow submarine for us", "calls": song("yellow submarine")},
    {"query": "who are you", "calls": []},
]
FAULTS: list[tuple[str, str, dict[str, Any]]] = [
    ("wrong type", "schema", {"query": "hallway lamp to much", "calls": lamp("much", "hallway")}),
    ("out of range", "schema", {"query": "hallway lamp to 140", "calls": lamp(140, "hallway")}),
    ("not in the enum", "schema", {"query": "attic lamp to 40", "calls": lamp(40, "attic")}),
    ("unknown function", "schema", {"query": "fly to 40", "calls": [{"name": "fly", "arguments": {}}]}),
    ("unknown argument", "schema", {"query": "garage lamp 40 red", "calls": lamp(40, "garage", colour="red")}),
    ("left out", "schema", {"query": "lamp 40 it is", "calls": [{"name": "set_lamp", "arguments": {"level": 40}}]}),
    ("ungrounded text", "grounding", {"query": "play that one", "calls": song("hey jude")}),
    ("ungrounded number", "grounding", {"query": "bedroom lamp to 41", "calls": lamp(14, "bedroom")}),
    ("part of a number", "grounding", {"query": "bedroom lamp to 415", "calls": lamp(41, "bedroom")}),
    ("ungrounded enum", "grounding", {"query": "put this lamp to 43", "calls": lamp(43, "bedroom")}),
    ("ungrounded flag", "grounding", {"query": "garage lamp to 44", "calls": lamp(44, "garage", slow=True)}),
    ("duplicate", "duplicate", {"query": "Kitchen lamp, to 40!", "calls": lamp()}),
    ("contradiction", "contradiction", {"query": "who are you?", "calls": [{"name": "stop_music", "arguments": {}}]}),
    (
        "near-duplicate",
        "near-duplicate",
        {"query": "please play the old song yellow submarines for us", "calls": song("yellow submarines")},
    ),
    (
        "words not in the query",
        "said",
        {"query": "garage lamp to 45", "calls": lamp(45, "garage"), "said": {"/0/arguments/level": "forty five"}},
    ),
    (
        "words that mean another value",
        "said",
        {"query": "garage lamp to fifty", "calls": lamp(46, "garage"), "said": {"/0/arguments/level": "fifty"}},
    ),
    (
        "words for no argument",
        "said",
        {"query": "garage lamp to 47", "calls": lamp(47, "garage"), "said": {"/1/arguments/level": "47"}},
    ),
    ("not in the target", "syntax", {"query": "dance to 3", "calls": [{"name": "dance", "arguments": {"n": 3}}]}),
]  # fmt: skip


def test_verify_catches_each_planted_fault_with_its_reason(tmp_path: Path) -> None:
    spec = {**LAMPS, "functions": [*LAMPS["functions"], fun("dance", obj({}, additionalProperties=True))]}
    project = new_project(tmp_path / "p", spec)
    sound = [{**row, "split": "train"} for row in SOUND]
    write_rows(project.samples_file, sound + [{**row, "split": "train"} for _, _, row in FAULTS])
    report = verify(project)
    assert [s.query for s in read_samples(project.accepted_file)] == [row["query"] for row in SOUND]
    rejected = [json.loads(line) for line in project.rejected_file.read_text().splitlines()]
    reasons = {row["query"]: row["reason"].split(":")[0] for row in rejected}
    assert reasons == {row["query"]: reason for _, reason, row in FAULTS}
    assert sum(report.reasons.values()) == len(FAULTS) and report.accepted == {"train": len(SOUND)}


def test_the_specs_own_examples_need_no_grounding(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    row = {"query": "way too dark in here", "calls": lamp(100), "kind": "example", "teacher": "spec", "split": "train"}
    write_rows(project.samples_file, [row])
    assert verify(project).accepted == {"train": 1}
    sample = read_samples(project.samples_file)[0]
    assert check_grounding(sample, project.spec, project.tokens, EN) is None


def test_verify_cannot_work_on_nothing(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    with pytest.raises(NotMade, match="octo synth"):
        verify(project)
    write_rows(project.samples_file, [FAULTS[0][2]])
    with pytest.raises(BadInput, match="every sample was rejected, first: schema"):
        verify(project)


# ---------------------------------------------------------------- import


def test_import_takes_the_first_rows_a_function_in_file_order(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    file = write_rows(tmp_path / "mine.jsonl", [{k: r[k] for k in ("query", "calls")} for r in lamp_rows(40)])
    report = import_samples(project, file, per_function=3, split="train")
    assert (report.added, report.over_limit) == (12, 28)
    rows = read_samples(project.samples_file)
    assert [r.query for r in rows] == [r["query"] for r in lamp_rows(12)]
    assert {(r.teacher, r.split) for r in rows} == {("import", "train")}
    again = import_samples(project, file, per_function=3)
    assert (again.added, again.known) == (0, 12)


def test_a_bad_row_is_named_and_nothing_is_imported(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    bad = {"query": "x", "calls": [{"name": "fly", "arguments": {}}]}
    file = write_rows(tmp_path / "mine.jsonl", [*lamp_rows(2), bad])
    with pytest.raises(BadInput, match=r"mine\.jsonl:3: .*no function 'fly'"):
        import_samples(project, file)
    assert not project.samples_file.exists()


def test_imported_rows_keep_their_split_through_verify(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    rows = [{**r, "split": ("train", "test")[i % 2]} for i, r in enumerate(lamp_rows(12))]
    import_samples(project, write_rows(tmp_path / "mine.jsonl", rows))
    verify(project)
    kept = {s.query: s.split for s in read_samples(project.accepted_file)}
    assert kept == {r["query"]: r["split"] for r in rows}


# ---------------------------------------------------------------- eval, export, predict


def test_eval_writes_its_card_for_the_test_split_but_not_for_other_data(made: Project, tmp_path: Path) -> None:
    (made.run() / "report.json").unlink()
    data = write_rows(tmp_path / "mine.jsonl", lamp_rows(4))
    report = evaluate(made, made.run(), data=data)
    assert report.report is None and not (made.run() / "report.json").exists()
    assert report.card.recall.n == 3 and report.card.abstention.n == 1
    report = evaluate(made, made.run())
    card = json.loads((made.run() / "report.json").read_text())
    test = [s for s in read_samples(made.accepted_file) if s.split == "test"]
    assert card["strict"]["n"] + card["abstention"]["n"] == len(test)
    wrong = card["strict"]["n"] - card["strict"]["hits"] + card["abstention"]["n"] - card["abstention"]["hits"]
    assert len(card["errors"]) == len(report.errors) == wrong


def test_a_gguf_scores_as_its_run_does(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "mine.jsonl", lamp_rows(12))
    cards = [evaluate(None, model, data=data).card for model in (trained().run(), shipped())]
    assert cards[0] == cards[1] and cards[0].strict.value > 0.5


@pytest.fixture()
def exportable(tmp_path: Path) -> Project:
    project = copy_of(trained(), tmp_path / "p")
    write_rows(project.accepted_file, lamp_rows(24) + lamp_rows(24, "test"))
    return project


def test_export_compares_on_the_test_rows_and_records_it(exportable: Project) -> None:
    report = export(exportable, quants=["f16", "q8_0"])
    record = json.loads((exportable.dist / "parity.json").read_text())
    assert {f["quant"]: f["same_calls"]["n"] for f in record["files"]} == {"f16": 24, "q8_0": 24}
    assert all(p.same.value >= 0.99 for p in report.parities) and record["refused"] == []
    assert {p.name for p in exportable.dist.iterdir()} == {"lamps-f16.gguf", "lamps-q8_0.gguf", "parity.json"}
    assert is_exported(exportable, quants=["f16", "q8_0"])


def test_export_asks_the_trained_model_only_what_eval_has_not_asked(exportable: Project) -> None:
    def asked() -> bool:
        stages: list[str] = []
        report = export(exportable, quants=["f16"], on_tick=lambda t: stages.append(t.task))
        assert (report.parities[0].same.hits, report.parities[0].same.n) == (24, 24)
        return "asking the trained model" in stages

    assert asked(), "nothing was kept yet"
    evaluate(exportable, exportable.run())
    assert not asked()
    rows = lamp_rows(24) + lamp_rows(24, "test")
    write_rows(exportable.accepted_file, rows[::-1])
    assert asked(), "the answers kept are to an older file of questions"
    (exportable.run() / "answers.json").write_text('{"version": 1, "made')
    assert asked(), "a damaged file was read"


def test_a_file_that_changes_the_calls_is_refused_and_deleted_and_the_others_stay(
    exportable: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, "q8_0")
    with pytest.raises(Refused, match=r"q8_0 changes \d+ of 24 calls; the tolerance is 1\.0%"):
        export(exportable, quants=["f16", "q8_0"], tolerance=0.01)
    assert {p.name for p in exportable.dist.iterdir()} == {"lamps-f16.gguf", "parity.json"}
    record = json.loads((exportable.dist / "parity.json").read_text())
    assert [f["quant"] for f in record["files"]] == ["f16"] and [f["quant"] for f in record["refused"]] == ["q8_0"]
    assert record["refused"][0]["changed"], "the changed calls are not shown"
    assert is_exported(exportable, quants=["f16"]) and not is_exported(exportable, quants=["q8_0"])


def test_a_tolerance_of_zero_is_a_tolerance(exportable: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    exportable.config_file.write_text(toml().replace("tolerance = 1.0", "tolerance = 0"))
    assert load_config(exportable.config_file).export.tolerance == 0
    report = export(open_project(exportable.root), quants=["f16"])
    assert report.tolerance == 0 and report.parities[0].same.value == 1


def test_export_needs_a_base_with_a_gguf_and_a_known_quantisation(exportable: Project, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no quantisation 'q9'"):
        export(exportable, quants=["q9"])
    (exportable.run() / "run.json").unlink()
    with pytest.raises(NotMade, match="never finished"):
        export(exportable)


def test_predict_keeps_what_was_there_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    rows = [{**r, "note": [i]} for i, r in enumerate(lamp_rows(6))]
    queries, out = write_rows(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    assert predict(shipped(), queries, out).answered == 6
    whole = out.read_bytes()
    lines = [json.loads(line) for line in whole.splitlines()]
    for row, line in zip(rows, lines, strict=True):
        assert (line["query"], line["note"], line["expected"]) == (row["query"], row["note"], row["calls"])
        assert isinstance(line["calls"], list) and 0 <= line["confidence"] <= 1
    out.write_bytes(b"\n".join(whole.split(b"\n")[:3]) + b'\n{"query": "torn')
    report = predict(shipped(), queries, out)
    assert (report.before, report.answered) == (3, 3) and out.read_bytes() == whole
    assert predict(shipped(), queries, out).answered == 0


def test_predict_refuses_an_output_that_answers_something_else(tmp_path: Path) -> None:
    queries = write_rows(tmp_path / "in.jsonl", lamp_rows(2))
    out = write_rows(tmp_path / "out.jsonl", [{"query": "other", "calls": []}])
    with pytest.raises(BadInput, match=r"out\.jsonl:1: answers another query"):
        predict(shipped(), queries, out)
    assert json.loads(out.read_text())["query"] == "other"


# ---------------------------------------------------------------- scaffold


def test_init_makes_a_project_from_a_spec_named_after_the_folder(tmp_path: Path) -> None:
    (tmp_path / "api.json").write_text(json.dumps(LAMPS["functions"]))
    report = scaffold(tmp_path / "mine", spec_file=tmp_path / "api.json")
    assert {p.name for p in report.root.iterdir()} == {".gitignore", "api.json", "octo.toml", "tokens.json"}
    project = open_project(report.root)
    assert project.spec.app == "mine" and project.tokens.token("play_song") == "<mine_1>"
    synth = Config().synth.model_copy(update={"per_function": 400, "parallel": 0.1})
    small = Config().model_copy(update={"synth": synth, "train": Config().train.model_copy(update={"epochs": 2})})
    assert project.config == small, "the file that init writes says something else than the defaults"


@pytest.mark.parametrize(("functions", "rows"), [(1, 400), (7, 342), (14, 171), (40, 120)])
def test_a_small_api_gets_more_rows_for_each_function(tmp_path: Path, functions: int, rows: int) -> None:
    every = [{"name": f"do_{i}", "description": "Do it.", "parameters": {"type": "object"}} for i in range(functions)]
    write_json(tmp_path / "api.json", {"app": "mine", "functions": every})
    scaffold(tmp_path / "mine", spec_file=tmp_path / "api.json")
    assert open_project(tmp_path / "mine").config.synth.per_function == rows


def test_the_smart_home_template_is_what_the_issue_asks_for(tmp_path: Path) -> None:
    assert "smart-home" in {t.name for t in templates()}
    spec = scaffold(tmp_path / "home", template="smart-home").spec
    assert len(spec.functions) >= 12
    kinds = {p.kind for f in spec.functions for p in f.params}
    assert {"enum", "integer", "boolean", "time"} <= kinds
    assert any(not p.required for f in spec.functions for p in f.params)


def test_init_touches_nothing_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        scaffold(tmp_path / "full")
    with pytest.raises(BadInput, match="no template 'nope'"):
        scaffold(tmp_path / "new", template="nope")
    with pytest.raises(BadInput, match="'Bad Name' is no app name"):
        scaffold(tmp_path / "Bad Name")
    assert {p.name for p in tmp_path.iterdir()} == {"full"}


def test_a_file_exactly_at_the_tolerance_passes() -> None:
    from octocli.core.scoring import Rate
    from octocli.stages.export import Parity, _passes

    at, over = (Parity(Path("m.gguf"), "q8_0", 1, Rate(hits, 200), Rate(200, 200), ()) for hits in (198, 197))
    assert _passes(at, 0.01) and not _passes(over, 0.01)


def test_export_that_is_asked_for_no_quantisation_ships_what_passes(
    exportable: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    exportable.config_file.write_text(toml().replace("tolerance = 1.0", "tolerance = 0.01"))
    project = open_project(exportable.root)
    spoil(monkeypatch, "q8_0")
    project.dist.mkdir(exist_ok=True)
    project.gguf_file("q8_0").write_text("of an earlier run")
    report = export(project)
    assert [p.quant for p in report.parities] == ["f16"] and report.refused == ("q8_0",)
    assert project.shipped_file() == project.gguf_file("f16")
    with pytest.raises(Refused, match="q8_0 changes"):
        export(project, quants=["q8_0"])


def test_build_ships_f16_where_the_gate_refuses_the_default(
    exportable: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from octocli.stages.build import build

    exportable.config_file.write_text(toml().replace("tolerance = 1.0", "tolerance = 0.01"))
    project = open_project(exportable.root)
    spoil(monkeypatch, "q8_0")
    first = build(project)
    assert first.export is not None and first.export.refused == ("q8_0",)
    assert [f.name for f in first.files] == ["lamps-f16.gguf"] and first.files[0].exists()
    assert build(open_project(exportable.root)).export is None, "a refused quantisation is not tried again"
    exportable.config_file.write_text(toml())
    again = build(open_project(exportable.root))
    assert again.export is not None and not again.export.refused, "more is allowed now, so it is tried again"

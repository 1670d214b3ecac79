"""The command line: exit codes, one clear line for a bad input, JSON for scripts, and data never read as markup."""

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_projects import (
    LAMPS,
    Ran,
    base,
    built,
    copy_of,
    fun,
    lamp_rows,
    new_project,
    octo,
    shipped,
    spoil,
    toml,
    trained,
    write_rows,
)

from octocli.core.project import Project


@pytest.fixture()
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "p")


def refused(ran: Ran, *says: str, code: int = 2) -> None:
    """One clear line on stderr, perhaps with a mend below it; nothing on stdout; the exit code."""
    lines = [line for line in ran.err.splitlines() if line.startswith("octo: ")]
    assert ran.code == code, ran.err
    assert len(lines) == 1, ran.err
    assert "Traceback" not in ran.err and ran.out == ""
    assert all(part in ran.err for part in says), ran.err


# ---------------------------------------------------------------- bad input, as the issue lists it


def test_a_broken_spec(run: Any, tmp_path: Path) -> None:
    (tmp_path / "api.json").write_text('{\n "functions": [\n}')
    refused(run("init", tmp_path / "new", "--spec", tmp_path / "api.json"), "api.json:3: not JSON")
    assert not (tmp_path / "new").exists()


def test_a_duplicate_function_name(run: Any, tmp_path: Path) -> None:
    (tmp_path / "api.json").write_text(json.dumps([fun("go"), fun("go")]))
    ran = run("init", tmp_path / "new", "--spec", tmp_path / "api.json")
    refused(ran, "api.json: functions[1].name: 'go' is already the name of functions[0]. Rename one.")


def test_an_unknown_base(run: Any, tmp_path: Path) -> None:
    project = new_project(tmp_path / "p", settings='base = "no-such-base"')
    write_rows(project.accepted_file, lamp_rows(8))
    refused(run("train", "-C", project.root), "base 'no-such-base'", "smollm2-135m")


def test_an_empty_data_file(run: Any, tmp_path: Path, project: Project) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    refused(run("import", empty, "-C", project.root), "empty.jsonl: no samples in it")
    refused(run("predict", empty, "-o", tmp_path / "out.jsonl", "-m", shipped()), "empty.jsonl: no queries in it")
    refused(run("eval", "--data", empty, "-m", shipped()), "empty.jsonl: no samples in it")
    assert not (tmp_path / "out.jsonl").exists()


def test_a_line_that_is_not_json_with_its_number(run: Any, tmp_path: Path, project: Project) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"query": "a", "calls": []}\n\n{"query": "b"\n')
    refused(run("import", bad, "-C", project.root), "bad.jsonl:3: not JSON")
    refused(run("predict", bad, "-o", tmp_path / "out.jsonl", "-m", shipped()), "bad.jsonl:3: not JSON")
    refused(run("eval", "--data", bad, "-m", shipped()), "bad.jsonl:3: not JSON")


def test_a_run_that_was_never_finished(run: Any, tmp_path: Path) -> None:
    project = copy_of(trained(), tmp_path / "p")
    (project.run() / "run.json").unlink()
    for command in (["chat", "--once", "hi"], ["eval"], ["export"]):
        refused(run(*command, "-C", project.root), "never finished", "octo train")


def test_a_gguf_that_is_not_octos_and_a_file_that_is_none(run: Any, tmp_path: Path) -> None:
    refused(run("chat", "--once", "hi", "-m", base() / "base.gguf"), "base.gguf: a GGUF, but not octo's")
    (tmp_path / "x.gguf").write_text("hello")
    refused(run("chat", "--once", "hi", "-m", tmp_path / "x.gguf"), "x.gguf: not a GGUF file")
    refused(run("chat", "--once", "hi", "-m", tmp_path / "none.gguf"), "none.gguf: no such run folder or GGUF")


def test_an_unknown_quantisation_template_split_clock_and_preset(run: Any, tmp_path: Path, project: Project) -> None:
    copy = copy_of(trained(), tmp_path / "t")
    refused(run("export", "--quant", "q9", "-C", copy.root), "no quantisation 'q9'", "q8_0")
    refused(run("init", tmp_path / "new", "--template", "nope"), "no template 'nope'", "smart-home")
    rows = write_rows(tmp_path / "rows.jsonl", lamp_rows(2))
    refused(run("import", rows, "--split", "dev", "-C", project.root), "--split: 'dev' is unknown")
    refused(run("chat", "--once", "x", "--now", "noon", "-m", shipped()), "--now: 'noon'")
    project.config_file.write_text("preset = 'papr'")
    refused(run("synth", "-C", project.root), "preset: 'papr' is unknown")


def test_settings_that_are_wrong(run: Any, project: Project) -> None:
    project.config_file.write_text(toml() + "\n[trian]\nepochs = 3\n")
    refused(run("synth", "-C", project.root), "octo.toml: trian: unknown key")
    project.config_file.write_text(toml())
    refused(run("synth", "--per-function", "0", "-C", project.root), "options: per_function")
    refused(run("train", "--lora", "--full", "-C", project.root), "--lora and --full")


def test_no_project_here(run: Any, tmp_path: Path) -> None:
    for command in ("synth", "verify", "train", "eval", "export", "build", "chat"):
        refused(run(command, "-C", tmp_path), "no octo project here", "octo init")


def test_a_stage_whose_forerunner_did_not_run(run: Any, project: Project) -> None:
    refused(run("verify", "-C", project.root), "octo synth")
    refused(run("train", "-C", project.root), "octo verify")
    refused(run("chat", "--once", "x", "-C", project.root), "no such run folder", "octo build")


def test_a_query_that_is_empty_or_too_long(run: Any) -> None:
    refused(run("chat", "--once", " ", "-m", shipped()), "the query is empty")
    refused(run("chat", "--once", "lamp " * 5000, "-m", shipped()), "the query is too long")


def test_an_unknown_option_or_command_is_a_usage_error(run: Any) -> None:
    for arguments in (["synth", "--no-such"], ["no-such"], ["predict"]):
        ran = run(*arguments)
        assert ran.code == 2 and "Traceback" not in ran.err and ran.err


def test_a_gate_that_refuses_exits_with_three(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = copy_of(trained(), tmp_path / "p")
    write_rows(project.accepted_file, lamp_rows(24, "test"))
    spoil(monkeypatch, "q8_0")
    refused(run("export", "-q", "q8_0", "--tolerance", "0.01", "-C", project.root), "q8_0 changes", "of 24", code=3)


# ---------------------------------------------------------------- a process of its own


def test_exit_codes_and_streams_of_a_real_process(tmp_path: Path) -> None:
    (tmp_path / "api.json").write_text("{")
    ran = octo("init", "new", "--spec", "api.json", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "") and ran.stderr.startswith("octo: api.json:1: not JSON")
    assert octo("--version").stdout.startswith("octo 0.")


def test_chat_reads_queries_from_a_pipe_and_answers_each_with_a_json_line() -> None:
    asked = [row["query"] for row in lamp_rows(4)]
    ran = octo("chat", "-m", shipped(), "--json", stdin="\n".join(asked) + "\n")
    assert ran.returncode == 0, ran.stderr
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [a["query"] for a in answers] == asked
    assert [bool(a["calls"]) for a in answers] == [True, True, True, False]


# ---------------------------------------------------------------- what commands say


def test_init_shows_what_it_made_literally_and_what_decoding_cannot_enforce(run: Any, tmp_path: Path) -> None:
    functions = [{**fun("go"), "description": "Goes [red]far[/red] [/x]."}]
    functions[0]["parameters"] = {"type": "object", "properties": {"x": {"not": {"const": 1}}}}
    (tmp_path / "api.json").write_text(json.dumps(functions))
    ran = run("init", tmp_path / "new", "--spec", tmp_path / "api.json")
    assert ran.code == 0 and "Goes [red]far[/red] [/x]." in ran.out
    assert "functions[0].parameters.properties.x.not" in ran.err


def test_brackets_in_queries_and_arguments_are_printed_as_they_are(run: Any, tmp_path: Path) -> None:
    rows = [
        {"query": "say [red]hi[/red] [/] [bold", "calls": [{"name": "play_song", "arguments": {"title": "[b]x[/b]"}}]}
    ]
    ran = run("eval", "--data", write_rows(tmp_path / "rows.jsonl", rows), "-m", shipped())
    assert ran.code == 0
    assert "say [red]hi[/red] [/] [bold" in ran.out and 'play_song(title="[b]x[/b]")' in ran.out


def test_an_error_about_a_path_with_brackets_is_literal(run: Any, tmp_path: Path) -> None:
    refused(run("chat", "--once", "x", "-m", tmp_path / "[red]x[/red].gguf"), "[red]x[/red].gguf")


def test_chat_once_shows_the_call_and_what_to_ask_before_acting(run: Any) -> None:
    ran = run("chat", "--once", "kitchen lamp to 0 please", "-m", shipped())
    assert ran.code == 0 and ran.out.startswith('set_lamp(level=0, room="kitchen")  (')
    assert "ask before acting" in run("chat", "--once", "be quiet now 2", "-m", shipped()).out
    assert run("chat", "--once", "who won match 3", "-m", shipped()).out.startswith("none of these functions")


def test_every_json_output_is_one_line_of_json(run: Any, tmp_path: Path) -> None:
    made = copy_of(built(), tmp_path / "p")
    rows = write_rows(tmp_path / "rows.jsonl", lamp_rows(2))
    commands: list[list[str | Path]] = [
        ["synth", "-C", made.root],
        ["verify", "-C", made.root],
        ["train", "-C", made.root],
        ["eval", "-C", made.root],
        ["eval", "-C", made.root, "-m", shipped(), "--data", rows],
        ["export", "-C", made.root],
        ["predict", rows, "-o", tmp_path / "out.jsonl", "-C", made.root],
        ["chat", "--once", "play song number 3", "-C", made.root],
        ["import", rows, "-C", made.root],
    ]
    for command in commands:
        ran = run(*command, "--json")
        assert ran.code == 0, ran.err
        assert ran.out.count("\n") == 1
        assert json.loads(ran.out), command


def test_build_on_a_fresh_project_says_that_nothing_was_stale(run: Any, tmp_path: Path) -> None:
    made = copy_of(built(), tmp_path / "p")
    ran = run("build", "-C", made.root)
    assert ran.code == 0 and "nothing was stale" in ran.out and str(made.gguf_file("q8_0")) in ran.out
    assert ran.out.count("up to date") == 5


def test_the_table_of_eval_shows_each_score_with_interval_and_n(run: Any, tmp_path: Path) -> None:
    ran = run("eval", "--data", write_rows(tmp_path / "rows.jsonl", lamp_rows(12)), "-m", shipped(), "--errors", "0")
    for score in ("function choice", "recall", "strict call", "relaxed call", "abstention"):
        line = next(line for line in ran.out.splitlines() if line.startswith(score))
        assert line.split()[-1] == ("3" if score == "abstention" else "9") and "%" in line and " to " in line


def test_import_and_synth_say_what_they_took(run: Any, tmp_path: Path) -> None:
    project = new_project(tmp_path / "p", {**LAMPS, "app": "lamps"})
    rows = write_rows(tmp_path / "rows.jsonl", lamp_rows(8))
    ran = run("import", rows, "--per-function", "1", "-C", project.root)
    assert ran.code == 0 and "4 new, 0 were there already, 4 over the limit" in ran.out
    assert "samples: " in run("synth", "-C", project.root).out
    verified = run("verify", "-C", project.root).out
    assert "accepted: " in verified and "looked at" in verified and "near-duplicate" in verified


def test_bases_and_templates_are_listed(run: Any) -> None:
    ran = run("bases")
    assert "smollm2-135m" in ran.out and "Apache-2.0" in ran.out and "135M" in ran.out
    assert "smart-home" in run("init", "--list-templates").out

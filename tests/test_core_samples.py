"""JSONL files: read with line numbers, appended without loss, repaired after a kill."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_projects import fun, obj, spec_of

from octocli.core.errors import BadInput, NotMade
from octocli.core.samples import (
    Appender,
    Sample,
    parse_sample,
    read_lines,
    read_samples,
    repair_tail,
    write_atomically,
    write_samples,
)
from octocli.core.validation import call_is_valid, calls_faults

ROW = '{"query": "hi", "calls": []}\n'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (ROW + "\n{oops\n", r"s\.jsonl:3: not JSON: .* at column 2"),
        (ROW + "[1]\n", r"s\.jsonl:2: not an object"),
        (ROW + '{"calls": []}\n', r"s\.jsonl:2: 'query' is missing"),
        ('{"query": "  ", "calls": []}\n', r"s\.jsonl:1: 'query' is missing"),
        ('{"query": "a", "calls": {"name": "x"}}\n', r"s\.jsonl:1: 'calls' is no list"),
        ('{"query": "a", "calls": [{"arguments": {}}]}\n', r"s\.jsonl:1: 'calls' is no list"),
        ('{"query": "a", "calls": [{"name": "x", "arguments": [1]}]}\n', r"s\.jsonl:1: 'calls' is no list"),
        ('{"query": "a", "calls": [{"name": "x", "missing": 3}]}\n', r"s\.jsonl:1: 'calls' is no list"),
        ('{"query": "a", "split": "dev"}\n', r"s\.jsonl:1: split 'dev' is unknown"),
        ('{"query": "a", "said": {"/0": 3}}\n', r"s\.jsonl:1: 'said'"),
        ('{"query": "a", "now": 5}\n', r"s\.jsonl:1: 'now'"),
        ('{"query": "a", "skeleton": 5}\n', r"s\.jsonl:1: 'skeleton'"),
        ('{"query": "a \\ud800"}\n', r"s\.jsonl:1: .*UTF-8"),
        ("[" * 100_000 + "\n", r"s\.jsonl:1: not JSON: too deep"),
    ],
)
def test_a_bad_line_is_named_with_its_number(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(content)
    with pytest.raises(BadInput, match=says):
        read_samples(path)


def test_bytes_that_are_not_utf8_are_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(ROW.encode() + b'{"query": "\xff"}\n')
    with pytest.raises(BadInput, match="not UTF-8"):
        read_samples(path)


@pytest.mark.parametrize("content", ["", "\n\n  \n"])
def test_an_empty_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(content)
    with pytest.raises(BadInput, match="no samples"):
        read_samples(path)


def test_a_missing_file_is_not_made_and_a_folder_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotMade):
        read_samples(tmp_path / "none.jsonl")
    with pytest.raises(BadInput, match="folder"):
        read_samples(tmp_path)


def test_a_byte_order_mark_of_a_windows_editor_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + ROW.encode())
    assert len(read_samples(path)) == 1


@pytest.mark.parametrize("tail", ['{"query": "to', "{}", "\u00fc{"])
def test_a_torn_tail_is_cut_and_the_next_line_is_whole(tmp_path: Path, tail: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(ROW + tail)
    with Appender(path) as out:
        out.write({"query": "ho", "calls": []})
    assert [data["query"] for _, data in read_lines(path)] == ["hi", "ho"]


def test_repair_leaves_a_whole_file_alone_and_counts_what_it_cuts(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    assert repair_tail(path) == 0
    path.write_text(ROW)
    assert repair_tail(path) == 0 and path.read_text() == ROW
    path.write_text(ROW + "abc")
    assert repair_tail(path) == 3 and path.read_text() == ROW


def test_every_appended_line_is_on_disk_at_once(tmp_path: Path) -> None:
    with Appender(tmp_path / "s.jsonl") as out:
        out.write({"query": "1"})
        assert (tmp_path / "s.jsonl").read_text() == '{"query": "1"}\n'


def test_an_atomic_write_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "x.json", "1")
    write_atomically(tmp_path / "a" / "x.json", "2")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["x.json"]
    assert (tmp_path / "a" / "x.json").read_text() == "2"


def test_fields_that_octo_does_not_know_are_kept() -> None:
    data = {"query": "a", "calls": [], "session": {"n": 3}, "cell": "x"}
    assert {k: v for k, v in parse_sample(data, "x").to_json().items() if k in ("session", "cell")} == {
        "session": {"n": 3},
        "cell": "x",
    }


def test_the_id_says_what_the_sample_says_whatever_its_split_or_key_order() -> None:
    one = parse_sample({"query": "a", "calls": [{"name": "x", "arguments": {"p": 1, "q": 2}}]}, "x")
    other = parse_sample({"query": "a", "calls": [{"arguments": {"q": 2, "p": 1}, "name": "x"}]}, "x")
    assert one.id == other.with_split("test").id
    assert one.id != parse_sample({"query": "b", "calls": []}, "x").id


words = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
samples = st.builds(
    Sample,
    query=words.filter(str.strip),
    calls=st.lists(
        st.fixed_dictionaries(
            {"name": st.just("go"), "arguments": st.dictionaries(words, words | st.integers(), max_size=2)}
        ),
        max_size=2,
    ).map(tuple),
    kind=st.just("kind"),
    split=st.sampled_from([None, "train", "validation", "test"]),
    teacher=st.sampled_from(["", "builtin"]),
    now=st.sampled_from([None, "2026-11-22T18:30"]),
    said=st.dictionaries(st.just("/0/arguments/x"), words, max_size=1),
    extra=st.dictionaries(st.sampled_from(["cell", "note"]), words, max_size=2),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(samples, min_size=1, max_size=4))
def test_samples_written_and_read_again_are_the_same(tmp_path_factory: Any, rows: list[Sample]) -> None:
    path = tmp_path_factory.mktemp("s") / "s.jsonl"
    assert write_samples(path, rows) == len(rows)
    assert read_samples(path) == rows
    assert len(path.read_bytes().splitlines()) == len(rows)


RULES = spec_of(
    fun("go", obj({"n": {"type": "integer", "maximum": 3}, "to": {"type": "string"}}, ("n",))),
    fun("open", obj({"x": {"type": "string"}}, additionalProperties=True)),
    fun("pair", obj({"a": {"type": "integer"}, "b": {"type": "integer"}}, dependentRequired={"a": ["b"]})),
    fun("where", returns={"type": "string"}),
)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ({"name": "fly", "arguments": {}}, "no function 'fly'"),
        ({"name": "go", "arguments": {}}, "needs 'n'"),
        ({"name": "go", "arguments": {"n": 4}}, "4 is greater than"),
        ({"name": "go", "arguments": {"n": "1"}}, "not of type"),
        ({"name": "go", "arguments": {"n": True}}, "not of type"),
        ({"name": "go", "arguments": {"n": 1, "m": 2}}, "no parameter 'm'"),
        ({"name": "go", "arguments": {}, "missing": ["m", "n"]}, "no parameter 'm'"),
        ({"name": "pair", "arguments": {"a": 1}}, "'b' is a dependency"),
        ({"name": "go", "arguments": {"n": 1, "to": {"name": "where", "arguments": {"z": 1}}}}, "no parameter 'z'"),
        ({"name": "go", "arguments": {"n": 1, "to": {"name": "go", "arguments": {"n": 1}}}}, "not of type"),
    ],
)
def test_a_call_that_breaks_the_spec_is_told_why(call: dict[str, Any], says: str) -> None:
    faults = calls_faults([call], RULES)
    assert faults and says in faults[0]
    assert not call_is_valid(call, RULES)


@pytest.mark.parametrize(
    "call",
    [
        {"name": "go", "arguments": {"n": 3.0}},
        {"name": "go", "arguments": {"n": 1, "to": {"name": "where", "arguments": {}}}},
        {"name": "open", "arguments": {"y": 1}},
        {"name": "pair", "arguments": {"a": 1, "b": 2}},
    ],
)
def test_a_call_that_obeys_the_spec_has_no_faults(call: dict[str, Any]) -> None:
    assert calls_faults([call], RULES) == [] and call_is_valid(call, RULES)


def test_a_call_with_something_missing_is_no_fault_but_not_one_to_act_on() -> None:
    call = {"name": "go", "arguments": {}, "missing": ["n"]}
    assert calls_faults([call], RULES) == [] and not call_is_valid(call, RULES)


def test_a_sample_is_one_json_line(tmp_path: Path) -> None:
    write_samples(tmp_path / "s.jsonl", [Sample("two\nlines \u2028 and a \r")])
    assert json.loads((tmp_path / "s.jsonl").read_bytes())["query"].startswith("two\n")
    assert len(read_samples(tmp_path / "s.jsonl")) == 1


def test_a_whole_last_line_without_a_newline_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"query": "a"}\n{"query": "b"}')
    assert repair_tail(path) == 0
    assert path.read_text() == '{"query": "a"}\n{"query": "b"}\n'

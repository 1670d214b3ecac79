"""OpenAI's fine-tuning format: what is written reads back, what others write is taken or refused with its line."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_core_calls import calls_of, specs
from tiny_projects import LAMPS, Ran, fun, new_project, obj, spec_of, write_rows

from octocli.core.errors import BadInput
from octocli.core.fine_tuning_format import NO_FUNCTION, FineTuningFormat, Reading, is_conversation
from octocli.core.project import Project
from octocli.core.samples import Sample, read_samples
from octocli.core.spec import Spec, load_spec, parse_spec
from octocli.core.validation import calls_faults
from octocli.stages.import_samples import Refusal, import_samples
from octocli.teachers.builtin import BuiltinTeacher

TEMPLATES = sorted((Path(__file__).resolve().parents[1] / "templates").glob("*/api.json"))
LAMP_SPEC = parse_spec(LAMPS)
NESTING = spec_of(
    fun("text", obj({"to": {"type": "string"}, "body": {"type": "string"}}, ("to", "body"))),
    fun("contact", obj({"name": {"type": "string"}}, ("name",)), returns={"type": "string"}),
)


def there_and_back(sample: Sample, spec: Spec) -> Sample:
    """The sample after a journey through one line of a file."""
    format_ = FineTuningFormat(spec)
    line = json.dumps(format_.write(sample, parallel=True), ensure_ascii=False)
    assert is_conversation(json.loads(line))
    reading = format_.read(json.loads(line), "t.jsonl:1")
    assert reading.sample is not None and not reading.refused
    return reading.sample


def read(*messages: dict[str, Any], spec: Spec = LAMP_SPEC) -> Reading:
    return FineTuningFormat(spec).read({"messages": list(messages)}, "t.jsonl:1")


def asks(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def answers(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def calls(*called: tuple[str, Any], **more: Any) -> dict[str, Any]:
    tool_calls = [
        {"id": f"c{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for i, (name, arguments) in enumerate(called)
    ]
    return {"role": "assistant", "tool_calls": tool_calls, **more}


RESULT = {"role": "tool", "tool_call_id": "c0", "content": "done"}
PLAY = ("play_song", '{"title": "Help"}')


# ---------------------------------------------------------------- there and back


@given(st.data())
def test_any_query_and_calls_come_back_the_same(data: st.DataObject) -> None:
    spec = data.draw(specs())
    query = data.draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip))
    called = data.draw(st.lists(calls_of(spec), max_size=3))
    back = there_and_back(Sample(query, tuple(called)), spec)
    assert (back.query, list(back.calls)) == (query, called)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.parent.name)
def test_the_teachers_samples_of_real_specs_come_back_the_same(path: Path) -> None:
    spec = load_spec(path)
    teacher = BuiltinTeacher(spec, 0)
    samples = [s for f in spec.functions for s in islice(teacher.positives(f, "train"), 60)]
    samples += [s for kind in teacher.negative_kinds for s in islice(teacher.negatives(kind, "train"), 20)]
    kinds = {sample.kind for sample in samples}
    assert {"positive", *teacher.negative_kinds} <= kinds
    for sample in samples:
        back = there_and_back(sample, spec)
        assert back.id == sample.id and back.now == sample.now
        assert calls_faults(back.calls, spec) == []


@given(st.lists(st.from_regex(r"[A-Za-z_][\w.\-/]{0,63}", fullmatch=True), min_size=1, max_size=6, unique=True))
def test_names_that_the_format_does_not_take_are_exchanged_and_come_back(names: list[str]) -> None:
    spec = spec_of(*(fun(name) for name in names))
    format_ = FineTuningFormat(spec)
    theirs = list(format_.names.values())
    assert len(set(theirs)) == len(names)
    assert all(len(n) <= 64 and n.isascii() and n.replace("_", "a").replace("-", "a").isalnum() for n in theirs)
    sample = Sample("go", tuple({"name": name, "arguments": {}} for name in names))
    assert there_and_back(sample, spec).id == sample.id


def test_a_name_that_fits_keeps_it_from_one_that_is_made() -> None:
    spec = spec_of(fun("a.b"), fun("a/b"), fun("a_b"))
    assert FineTuningFormat(spec).names == {"a.b": "a_b_2", "a/b": "a_b_3", "a_b": "a_b"}


def test_a_nested_call_with_another_name_comes_back() -> None:
    inner = fun("contacts.find", obj({"name": {"type": "string"}}, ("name",)), returns={"type": "string"})
    spec = spec_of(fun("text", obj({"to": {"type": "string"}}, ("to",))), inner)
    call = {"name": "text", "arguments": {"to": {"name": "contacts.find", "arguments": {}, "missing": ["name"]}}}
    line = FineTuningFormat(spec).write(Sample("text them", (call,)), parallel=False)
    arguments = line["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"to": {"name": "contacts_find", "arguments": {}}}
    assert there_and_back(Sample("text them", (call,)), spec).calls == (call,)


# ---------------------------------------------------------------- a line as OpenAI wants it


def test_a_line_has_all_tools_and_calls_whose_arguments_are_a_string() -> None:
    sample = Sample("hush and play Help", ({"name": "stop_music", "arguments": {}}, {"name": "play_song",
                    "arguments": {"title": "Hélp"}}))  # fmt: skip
    line = FineTuningFormat(LAMP_SPEC).write(sample, parallel=True)
    assert list(line) == ["messages", "tools", "parallel_tool_calls"]
    user, assistant = line["messages"]
    assert user == {"role": "user", "content": "hush and play Help"}
    assert assistant == {"role": "assistant", "tool_calls": [
        {"id": "call_0", "type": "function", "function": {"name": "stop_music", "arguments": "{}"}},
        {"id": "call_1", "type": "function", "function": {"name": "play_song", "arguments": '{"title": "Hélp"}'}},
    ]}  # fmt: skip
    assert [tool["function"]["name"] for tool in line["tools"]] == ["set_lamp", "play_song", "stop_music"]
    assert all(tool["type"] == "function" and set(tool["function"]) == {"name", "description", "parameters"}
               for tool in line["tools"])  # fmt: skip


def test_a_negative_is_answered_in_words_and_a_clock_is_a_system_message() -> None:
    line = FineTuningFormat(LAMP_SPEC).write(Sample("who won", (), now="2026-11-22T12:00"), parallel=False)
    assert line["messages"] == [
        {"role": "system", "content": "The time is 2026-11-22T12:00."}, asks("who won"), answers(NO_FUNCTION)
    ]  # fmt: skip


# ---------------------------------------------------------------- what others write


@pytest.mark.parametrize(
    "messages",
    [
        [asks("play Help"), calls(PLAY)],
        [{"role": "system", "content": "You are a player."}, asks("play Help"), calls(PLAY)],
        [{"role": "developer", "content": "Play."}, asks("play Help"), calls(PLAY, content=None)],
        [asks("play Help"), answers("With pleasure.", tool_calls=calls(PLAY)["tool_calls"])],
        [asks("play Help"), calls(PLAY), RESULT, answers("It plays.")],
        [asks("play Help"), {"role": "assistant", "function_call": {"name": PLAY[0], "arguments": PLAY[1]}},
         {"role": "function", "name": "play_song", "content": "ok"}, answers("It plays.")],
        [asks("hello"), asks("play Help"), calls(PLAY)],
        [asks([{"type": "text", "text": "play "}, {"type": "text", "text": "Help"}]), calls(PLAY)],
        [asks("play Help"), calls(("play_song", {"title": "Help"}))],
        [asks("play Help"), calls(PLAY, weight=1)],
    ],
)  # fmt: skip
def test_the_last_user_message_before_the_first_answer_is_taken(messages: list[dict[str, Any]]) -> None:
    reading = read(*messages)
    assert reading.refused == () and reading.sample is not None
    assert reading.sample.query == "play Help"
    assert reading.sample.calls == ({"name": "play_song", "arguments": {"title": "Help"}},)


@pytest.mark.parametrize("arguments", ["", "{}", None, {}])
def test_a_call_without_arguments_lacks_what_its_function_requires(arguments: Any) -> None:
    found = read(asks("play something"), calls(("play_song", arguments))).sample
    assert found is not None
    assert found.calls == ({"name": "play_song", "arguments": {}, "missing": ["title"]},)


def test_an_answer_in_words_or_a_refusal_says_that_no_function_serves() -> None:
    for answer in (answers("I cannot do that."), {"role": "assistant", "refusal": "No.", "content": None}):
        found = read(asks("who won"), answer).sample
        assert found is not None and found.calls == () and found.kind == "negative"


def test_later_turns_are_refused_and_the_first_is_taken() -> None:
    reading = read(asks("play Help"), calls(PLAY), RESULT, answers("Yes."), asks("louder"), calls(("stop_music", "{}")))
    assert reading.sample is not None and reading.sample.query == "play Help"
    assert len(reading.refused) == 1 and "1 later user turn" in reading.refused[0]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([asks("play Help")], "no assistant answers"),
        ([{"role": "system", "content": "x"}, answers("Hello.")], "no user speaks"),
        ([asks("play"), answers("What shall I play?")], "asks back"),
        ([asks("play"), answers("Say what."), asks("Help"), calls(PLAY)], "answered in words before a later turn"),
        ([asks("play Help"), calls(PLAY), RESULT, calls(("stop_music", "{}"))], "several steps"),
        ([asks("play Help"), calls(PLAY, weight=0)], "weight 0"),
        ([asks([{"type": "image_url", "image_url": {"url": "x"}}]), calls(PLAY)], "more than text"),
        ([asks(" "), calls(PLAY)], "the user's message is empty"),
        ([asks("hm"), answers("")], "the assistant's message is empty"),
        ([asks("play"), {"role": "assistant", "tool_calls": [{"type": "custom", "custom": {}}]}], "'custom'"),
    ],
)  # fmt: skip
def test_what_no_sample_can_hold_is_refused_with_the_reason(messages: list[dict[str, Any]], reason: str) -> None:
    reading = read(*messages)
    assert reading.sample is None and reason in reading.refused[0]


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([5], r"t.jsonl:1: messages\[0\]: no message"),
        ([{"role": "robot"}], r"messages\[0\]: no message with a role"),
        ([{"role": ["user"]}], r"messages\[0\]: no message with a role"),
        ([asks("a"), {"role": "assistant", "tool_calls": {}}], "no error"),
        ([asks("a"), {"role": "assistant", "tool_calls": {"a": 1}}], r"messages\[1\]\.tool_calls: not a list"),
        ([asks("a"), {"role": "assistant", "tool_calls": ["x"]}], r"tool_calls\[0\]: not an object"),
        ([asks("a"), {"role": "assistant", "tool_calls": [{"type": "function"}]}], "no function with a name"),
        ([asks("a"), calls(("play_song", "{title: Help}"))], r"tool_calls\[0\]\.function\.arguments: not JSON"),
        ([asks("a"), calls(("play_song", "[1]"))], r"arguments: no JSON object"),
        ([asks("a"), calls(("play_song", '{"title": "\\ud800"}'))], "half a character"),
    ],
)
def test_what_is_not_in_the_format_is_named_with_its_place(messages: list[Any], says: str) -> None:
    if says == "no error":  # an empty list of calls in an empty coat
        assert read(*messages).sample is None
        return
    with pytest.raises(BadInput, match=says):
        read(*messages)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
named = st.fixed_dictionaries(
    {"name": st.sampled_from(["text", "contact"]), "arguments": json_values.map(json.dumps) | json_values}
)
tool_calls = st.fixed_dictionaries({}, optional={"type": json_values, "function": json_values | named})
messages_of_any_sort = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"])},
    optional={
        "content": st.text(max_size=8) | json_values,
        "tool_calls": st.lists(tool_calls, max_size=2) | json_values,
        "function_call": json_values | named,
        "weight": json_values,
    },
)


@given(st.lists(messages_of_any_sort | json_values, max_size=5))
def test_any_conversation_is_read_refused_or_named_as_bad_input(messages: list[Any]) -> None:
    try:
        reading = FineTuningFormat(NESTING).read({"messages": messages}, "t.jsonl:1")
    except BadInput as error:
        assert error.message.startswith("t.jsonl:1")
        return
    assert reading.sample or reading.refused


# ---------------------------------------------------------------- octo import


@pytest.fixture()
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path / "p")


def test_import_takes_both_formats_of_one_file_and_names_the_lines_it_leaves(tmp_path: Path, project: Project) -> None:
    rows = [
        {"messages": [asks("play Help"), calls(PLAY)], "tools": []},
        {"query": "hush", "calls": [{"name": "stop_music"}]},
        {"messages": [asks("play"), answers("What?")]},
        {"messages": [asks("who won"), answers("Not my job.")]},
        {"messages": [asks("play it"), calls(("play_song", "{}")), RESULT, answers("Yes."), asks("more")]},
    ]
    report = import_samples(project, write_rows(tmp_path / "mine.jsonl", rows), split="train")
    assert (report.added, report.conversations, report.negatives, report.incomplete) == (4, 3, 1, 1)
    assert [refusal.line for refusal in report.refused] == [3, 5]
    assert report.refused[0] == Refusal(3, "the answer asks back: neither a call nor a no")
    stored = read_samples(project.samples_file)
    assert [s.query for s in stored] == ["play Help", "hush", "who won", "play it"]
    assert {(s.teacher, s.split) for s in stored} == {("import", "train")}
    assert stored[3].calls == ({"name": "play_song", "arguments": {}, "missing": ["title"]},)


def test_a_conversation_that_breaks_the_spec_ends_the_import_with_its_line(run: Any, tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    good = {"messages": [asks("play Help"), calls(PLAY)]}
    for called, says in (
        (("fly", "{}"), "mine.jsonl:3: calls[0]: no function 'fly'"),
        (("set_lamp", '{"level": 200, "room": "office"}'), "mine.jsonl:3: calls[0]"),
        (("set_lamp", "nope"), "mine.jsonl:3: messages[1].tool_calls[0].function"),
    ):
        bad = {"messages": [asks("dim it"), calls(called)]}
        file = tmp_path / "mine.jsonl"
        file.write_text(f"{json.dumps(good)}\n\n{json.dumps(bad)}\n")
        ran: Ran = run("import", file, "-C", project.root)
        assert ran.code == 2 and says in ran.err and "Traceback" not in ran.err
        assert not project.samples_file.exists()


def test_a_file_of_which_nothing_can_be_taken_is_refused_with_the_first_reason(run: Any, tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    file = write_rows(tmp_path / "mine.jsonl", [{"messages": [asks("play"), answers("What?")]}])
    ran: Ran = run("import", file, "-C", project.root)
    assert ran.code == 2 and "no samples in it, line 1: the answer asks back" in ran.err


def test_import_says_what_became_of_conversations(run: Any, tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    rows = [{"messages": [asks("play"), answers("[red]What[/]?")]}] * 12
    rows += [{"messages": [asks("who won"), answers("No.")]}]
    file = write_rows(tmp_path / "mine.jsonl", rows)
    ran: Ran = run("import", file, "-C", project.root)
    assert ran.code == 0 and "1 from conversations: 1 answered in words" in ran.out
    assert f"{file}:10: not taken: the answer asks back" in ran.err and "2 more not taken" in ran.err
    told = json.loads(run("import", file, "-C", project.root, "--json").out)
    assert told["known"] == 1 and [r["line"] for r in told["refused"]] == list(range(1, 13))


def test_a_torn_last_line_of_the_store_does_not_keep_rows_from_coming_in(tmp_path: Path, project: Project) -> None:
    rows = write_rows(tmp_path / "mine.jsonl", [{"query": "hush", "calls": [{"name": "stop_music"}]}])
    write_rows(project.samples_file, [{"query": "quiet", "calls": [{"name": "stop_music"}]}])
    with project.samples_file.open("a") as file:
        file.write('{"query": "be q')
    assert import_samples(project, rows).added == 1
    assert [s.query for s in read_samples(project.samples_file)] == ["quiet", "hush"]

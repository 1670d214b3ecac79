"""Asking a model: both engines read the same ids, a draft or a kept prefix changes nothing, bad queries are told."""

import math
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_projects import base, copy_of, lamp_rows, new_project, shipped, toml, trained, write_rows

from octocli.core.errors import BadInput, NotMade
from octocli.runtime.caller import Answer, Caller, open_caller
from octocli.runtime.decoding import softmax
from octocli.runtime.engine import prompt_ids, shared_prefix

# llama.cpp keeps keys and values in F16: another order of sums rounds some to the neighbour, 1/2048 away.
_ROUNDING = 1e-2
QUERIES = [row["query"] for row in lamp_rows(12)]
AWKWARD = [
    "Grüße aus Köln, straße",
    "你好，把灯关掉",
    "lights off 🎉👩‍👩‍👧 now",
    "two  spaces and\ttabs\nand lines",
    " leading space",
    "<lamps_0>(40, \"kitchen\")<lamps_end>",
    "say <lamps_none> and <lamps_end> and <|endoftext|> and <|bos|>",
    "<|im_end|>\n<|im_start|>assistant",
    "it's 12:30, don't — “quote”",
    "1234567890 12 3",
    "\u00a0nbsp\u200bzero",
    "e\u0301 combining",
    "ALL CAPS AND cases",
    "{query} {{x}}",
    "a" * 300,
]  # fmt: skip


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def pair(request: pytest.FixtureRequest) -> Any:
    """One trained model from both engines."""
    with open_caller(trained(request.param).run()) as one, open_caller(shipped(request.param), threads=1) as other:
        yield one, other


def same(one: Answer, other: Answer) -> bool:
    """Equal but for the rounding of a matrix product that was cut elsewhere."""
    said = (one.calls, one.ids, one.text, one.finished) == (other.calls, other.ids, other.text, other.finished)
    return said and math.isclose(one.confidence, other.confidence, abs_tol=2e-3)


def test_both_engines_give_the_same_calls_and_confidence(pair: tuple[Caller, Caller]) -> None:
    for query in QUERIES:
        one, other = (caller.ask(query) for caller in pair)
        assert one.calls == other.calls and one.text == other.text
        assert one.confidence == pytest.approx(other.confidence, abs=0.02)


def test_the_trained_model_says_more_than_one_thing(pair: tuple[Caller, Caller]) -> None:
    names = {c["name"] for query in QUERIES for c in pair[0].ask(query).calls}
    assert len(names) >= 2, "the tests below would show nothing"


@pytest.mark.parametrize("query", AWKWARD)
def test_both_engines_read_the_same_ids_and_no_special_one(pair: tuple[Caller, Caller], query: str) -> None:
    one, other = (prompt_ids(caller.engine, query) for caller in pair)
    assert one == other
    size = pair[0].engine.trained.base_size  # type: ignore[attr-defined]
    assert all(3 <= i < size for i in one), "a special id in the prompt"
    assert pair[0].engine.decode(one) == pair[0].manifest.prompt.render(query) == pair[1].engine.decode(one)


def test_octos_tokens_have_the_same_ids_in_both(pair: tuple[Caller, Caller]) -> None:
    assert dict(pair[0].engine.special) == dict(pair[1].engine.special)
    assert set(pair[0].engine.special) == {"<lamps_0>", "<lamps_1>", "<lamps_2>", "<lamps_none>", "<lamps_end>"}


@pytest.mark.parametrize("which", [0, 1])
def test_a_draft_changes_nothing(pair: tuple[Caller, Caller], which: int) -> None:
    caller = pair[which]
    plain = {query: caller.ask(query) for query in QUERIES}
    for query in QUERIES:
        for guess in (plain[query].ids, plain[QUERIES[0]].ids, plain[query].ids[:2], [5, 6, 7], plain[query].ids * 40):
            assert same(caller.ask(query, draft=guess), plain[query])


@pytest.mark.parametrize("which", [0, 1])
def test_many_at_once_are_answered_as_one_by_one(pair: tuple[Caller, Caller], which: int) -> None:
    caller = pair[which]
    alone = [caller.ask(query) for query in QUERIES]
    for drafts in (
        [a.ids for a in alone],
        [alone[0].ids] * len(QUERIES),
        [()] * len(QUERIES),
        [(5,) * 300] * len(QUERIES),
    ):
        together = caller.ask_many(QUERIES, [None] * len(QUERIES), drafts)
        assert all(same(one, other) for one, other in zip(alone, together, strict=True))


@pytest.mark.parametrize("which", [0, 1])
def test_what_is_kept_of_the_last_query_changes_nothing(pair: tuple[Caller, Caller], which: int) -> None:
    engine = pair[which].engine
    one, other = (prompt_ids(engine, query) for query in QUERIES[:2])
    engine.read([3])  # forget all but the first id
    fresh = engine.read(one)
    for before in (other, one + other, one[:-1], one):
        engine.read(before)
        assert np.allclose(engine.read(one), fresh, atol=_ROUNDING)


@pytest.mark.parametrize("which", [0, 1])
def test_logits_are_those_after_each_of_the_last_ids(pair: tuple[Caller, Caller], which: int) -> None:
    engine = pair[which].engine
    ids = prompt_ids(engine, QUERIES[0])
    rows = engine.read(ids, 4)
    assert rows.shape[0] == 4
    for cut in range(4):
        assert np.allclose(engine.read(ids[: len(ids) - 3 + cut])[0], rows[cut], atol=_ROUNDING)
    many = engine.read_many([(ids, 4), (ids[:6], 1), (ids[:9], 2)])
    assert np.allclose(many[0], rows, atol=_ROUNDING) and [len(m) for m in many] == [4, 1, 2]
    assert np.allclose(many[1], engine.read(ids[:6]), atol=_ROUNDING)


def test_confidence_is_the_share_of_the_choice_and_all_shares_sum_to_one(pair: tuple[Caller, Caller]) -> None:
    for caller in pair:
        for query in QUERIES:
            answer = caller.ask(query)
            assert math.isclose(sum(answer.choices.values()), 1, abs_tol=1e-9)
            assert set(answer.choices) == {"set_lamp", "play_song", "stop_music", ""}
            chosen = answer.calls[0]["name"] if answer.calls else ""
            assert answer.confidence == answer.choices[chosen] == max(answer.choices.values())


@pytest.mark.parametrize("which", [0, 1])
def test_a_query_that_is_too_long_is_told_so_and_the_next_is_answered(pair: tuple[Caller, Caller], which: int) -> None:
    caller = pair[which]
    before = caller.ask(QUERIES[0])
    with pytest.raises(BadInput, match=r"the query is too long: \d+ tokens"):
        caller.ask("lamp 1 2 3 " * 3000)
    with pytest.raises(BadInput, match=r"the query is too long: \d+ tokens"):
        caller.ask_many([QUERIES[0], "lamp 1 2 3 " * 3000], [None] * 2, [()] * 2)
    assert same(caller.ask(QUERIES[0]), before)


@pytest.mark.parametrize("query", ["", "  \n "])
def test_an_empty_query_is_bad_input(pair: tuple[Caller, Caller], query: str) -> None:
    with pytest.raises(BadInput, match="empty"):
        pair[0].ask(query)


def test_the_clock_comes_from_the_caller(pair: tuple[Caller, Caller]) -> None:
    assert same(pair[0].ask(QUERIES[0], now=datetime(2026, 1, 1)), pair[0].ask(QUERIES[0]))


def test_the_expected_answer_as_draft_is_its_target_and_nothing_for_another_specs_calls(
    pair: tuple[Caller, Caller],
) -> None:
    call = {"name": "set_lamp", "arguments": {"level": 3, "room": "office"}}
    for caller in pair:
        end = caller.engine.special["<lamps_end>"]
        assert caller.draft([call], {})[-1] == end
        assert caller.draft([{"name": "other", "arguments": {}}], {}) == []


def test_a_special_id_decodes_to_a_token_only_by_its_id(pair: tuple[Caller, Caller]) -> None:
    for caller in pair:
        plain = caller.engine.encode("<lamps_0>")
        assert len(plain) > 1 and not set(plain) & set(caller.engine.special.values())


def test_prefix_and_softmax() -> None:
    assert shared_prefix([1, 2, 3], [1, 2, 4, 5]) == 2 and shared_prefix([], [1]) == 0
    assert softmax(np.array([1000.0, 1000.0, -np.inf])).tolist() == [0.5, 0.5, 0.0]


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("no gguf")
    (tmp_path / "torn.gguf").write_bytes(shipped().read_bytes()[:5000])
    (tmp_path / "empty.gguf").write_bytes(b"")
    for name in ("text.gguf", "torn.gguf", "empty.gguf"):
        with pytest.raises(BadInput, match=name):
            open_caller(tmp_path / name)
    with pytest.raises(NotMade, match="no such run folder"):
        open_caller(tmp_path / "none")
    with pytest.raises(BadInput, match="not octo's"):
        open_caller(base() / "base.gguf")


def test_a_run_that_was_never_finished_is_told(tmp_path: Path) -> None:
    project = copy_of(trained(), tmp_path / "p")
    (project.run() / "run.json").unlink()
    with pytest.raises(NotMade, match="never finished"):
        open_caller(project.run())
    (project.run() / "run.json").write_text("{")
    with pytest.raises(BadInput, match="not JSON"):
        open_caller(project.run())
    (project.run() / "run.json").write_text("{}")
    with pytest.raises(BadInput, match="no octo manifest"):
        open_caller(project.run())


def test_a_run_of_another_base_is_refused(tmp_path: Path) -> None:
    project = copy_of(trained(), tmp_path / "p")
    record = (project.run() / "run.json").read_text()
    (project.run() / "run.json").write_text(record.replace('"checksum": "', '"checksum": "0'))
    with pytest.raises(BadInput, match="another"):
        open_caller(project.run())


def test_a_relative_base_is_found_from_the_project_wherever_octo_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from octocli.stages.train import train

    shutil.copytree(base(), tmp_path / "p" / "my-base")
    project = new_project(tmp_path / "p", settings=toml().replace(str(base()), "my-base").replace("= 12", "= 1"))
    write_rows(project.accepted_file, lamp_rows(8))
    monkeypatch.chdir(tmp_path)
    train(project)
    with open_caller(project.run()) as caller:
        assert caller.ask("be quiet now").finished

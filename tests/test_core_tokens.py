"""A token, once given, stays its function's for good."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_projects import LAMPS, fun, new_project, spec_of

from octocli.core.errors import BadInput, NotMade
from octocli.core.project import open_project
from octocli.core.spec import Spec
from octocli.core.tokens import MAX_TOKEN_BYTES, TokenTable, assign_tokens, dump_tokens, load_tokens


def named(*names: str, app: str = "tiny") -> Spec:
    return spec_of(*(fun(name) for name in names), app=app)


def test_the_first_table_follows_the_spec() -> None:
    table = assign_tokens(named("b", "a"))
    assert table.tokens(named("b", "a")) == {"b": "<tiny_0>", "a": "<tiny_1>"}
    assert table.all_tokens(named("b", "a")) == ["<tiny_0>", "<tiny_1>", "<tiny_none>", "<tiny_end>"]


def test_a_removed_functions_token_is_not_given_away_and_comes_back_with_it() -> None:
    table = assign_tokens(named("a", "b", "c"))
    table = table.extended(named("a"))
    table = table.extended(named("a", "d"))
    assert table.token("d") == "<tiny_3>"
    assert table.extended(named("c", "a")).token("c") == "<tiny_2>"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, unique=True), min_size=1, max_size=6))
def test_no_token_ever_changes_its_function(history: list[list[str]]) -> None:
    table, owner = TokenTable("tiny", {}), {}
    for names in history:
        table = table.extended(named(*names))
        for name, token in table.tokens(named(*names)).items():
            assert owner.setdefault(token, name) == name
    assert len(set(table.indices.values())) == len(table.indices)


def test_no_token_is_longer_than_llama_cpp_can_say() -> None:
    app = "a" * 24
    assert all(len(t) <= MAX_TOKEN_BYTES for t in assign_tokens(named("x", app=app)).all_tokens(named("x", app=app)))
    with pytest.raises(BadInput, match="32 bytes"):
        TokenTable(app, {"old": 999_999}).extended(named("x", app=app))


def test_a_table_written_and_read_again_is_the_same(tmp_path: Path) -> None:
    table = assign_tokens(named("a", "b"))
    (tmp_path / "tokens.json").write_text(dump_tokens(table))
    assert load_tokens(tmp_path / "tokens.json") == table


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", '{"functions": {"a": -1}}', '{"functions": {"a": 0, "b": 0}}', '{"functions": {"a": "0"}}'],
)
def test_a_broken_table_is_bad_input(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokens.json").write_text(content)
    with pytest.raises(BadInput, match=r"tokens\.json"):
        load_tokens(tmp_path / "tokens.json")


def test_a_function_added_to_the_spec_gets_a_token_in_the_projects_file(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    spec = json.loads(project.spec_file.read_text())
    spec["functions"] = [fun("first"), *spec["functions"][1:]]
    project.spec_file.write_text(json.dumps(spec))
    table = open_project(tmp_path / "p").tokens
    assert table.token("first") == "<lamps_3>" and table.token("play_song") == "<lamps_1>"
    assert load_tokens(project.tokens_file) == table


def test_a_table_of_another_app_or_none_is_refused(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p", {**LAMPS, "app": "other"})
    data = json.loads(project.spec_file.read_text())
    project.spec_file.write_text(json.dumps({**data, "app": "mine"}))
    with pytest.raises(BadInput, match="made for 'other'"):
        _ = open_project(tmp_path / "p").tokens
    project.tokens_file.unlink()
    with pytest.raises(NotMade, match=r"tokens\.json"):
        _ = open_project(tmp_path / "p").tokens

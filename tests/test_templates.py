"""The templates: specs worth starting from, with examples that hold, handlers that run, and a build to the end."""

import importlib.util
import inspect
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_projects import base

from octocli.core.project import open_project
from octocli.core.spec import Function, Spec, parse_spec
from octocli.core.splits import free_values, normal
from octocli.core.tokens import assign_tokens
from octocli.core.validation import calls_faults
from octocli.stages.build import build
from octocli.stages.checks import first_reason
from octocli.stages.review import review_file
from octocli.stages.scaffold import scaffold, templates
from octocli.teachers.builtin.examples import example_samples
from octocli.teachers.builtin.language import Language
from octocli.teachers.builtin.packs import language_of

ALL = {t.name: t for t in templates()}
WHOLE = sorted(set(ALL) - {"blank"})
SIZES = {"android": 20, "vehicle": 20, "doordash": 12, "yelp": 11, "smart-home": 12, "smart-home-de": 12}
FEWEST_EXAMPLES = 8


def spec_of(name: str) -> Spec:
    return parse_spec(json.loads((ALL[name].folder / "api.json").read_text(encoding="utf-8")))


def language(name: str) -> Language:
    return language_of(ALL[name].synth.language)


def test_every_template_of_the_docs_is_there() -> None:
    assert set(ALL) == {*SIZES, "blank"}
    assert all(t.title and t.summary for t in ALL.values())


def test_a_template_may_bring_settings_of_its_own(tmp_path: Path) -> None:
    for name, language in {"smart-home-de": "de", "smart-home": "en"}.items():
        scaffold(tmp_path / name, template=name)
        assert open_project(tmp_path / name).config.synth.language == language


@pytest.mark.parametrize("name", WHOLE)
def test_a_template_has_functions_with_examples_and_aliases(name: str) -> None:
    spec = spec_of(name)
    assert len(spec.functions) >= SIZES[name] and not spec.unexpressed()
    assert {f.name: len(f.examples) for f in spec.functions if len(f.examples) < FEWEST_EXAMPLES} == {}
    queries = [normal(e.query) for f in spec.functions for e in f.examples]
    assert len(set(queries)) == len(queries)


@pytest.mark.parametrize("name", sorted(ALL))
def test_the_examples_obey_the_spec_and_their_text_stands_in_the_query(name: str) -> None:
    spec = spec_of(name)
    for function in spec.functions:
        for sample in example_samples(function, spec, language(name)):
            assert calls_faults(sample.calls, spec) == [], sample.query
            assert sample.calls[0]["name"] == function.name
            lost = [v for v in free_values(sample, spec) if v not in normal(sample.query)]
            assert not lost, f"{sample.query}: {lost}"


@pytest.mark.parametrize("name", WHOLE)
def test_octo_understands_the_words_of_nearly_every_example(name: str) -> None:
    """Examples are exempt from grounding; one that octo cannot ground is an indirect need, and those stay few."""
    spec = spec_of(name)
    tokens = assign_tokens(spec)
    samples = [replace(s, kind="positive") for f in spec.functions for s in example_samples(f, spec, language(name))]
    reasons = {s.query: reason for s in samples if (reason := first_reason(s, spec, tokens, language(name)))}
    assert len(reasons) <= 0.15 * len(samples), reasons


@pytest.mark.parametrize("name", WHOLE)
def test_the_review_finds_no_error_and_no_two_functions_alike(name: str) -> None:
    report = review_file(str(ALL[name].folder / "api.json"), ALL[name].synth)
    assert [f for f in report.findings if f.severity == "error" or f.rule == "confusable"] == []


@pytest.mark.parametrize("name", WHOLE)
def test_the_handlers_take_every_call_of_the_examples(name: str) -> None:
    spec, handlers = spec_of(name), handlers_of(ALL[name].folder / "handlers.py")
    for function in spec.functions:
        check_signature(getattr(handlers, function.name), function)
        for example in function.examples:
            for call in example.calls or ():
                said = getattr(handlers, call["name"])(**call["arguments"])
                assert isinstance(said, str) and said


def handlers_of(file: Path) -> Any:
    described = importlib.util.spec_from_file_location(f"handlers_of_{file.parent.name.replace('-', '_')}", file)
    assert described is not None and described.loader is not None
    module = importlib.util.module_from_spec(described)
    sys.modules[described.name] = module
    described.loader.exec_module(module)
    return module.Handlers()


def check_signature(method: Any, function: Function) -> None:
    """The method's parameters are the function's, by keyword; optional ones may be left out."""
    given = inspect.signature(method).parameters
    assert set(given) == {p.name for p in function.params}, function.name
    for parameter in function.params:
        assert given[parameter.name].kind is inspect.Parameter.KEYWORD_ONLY
        left_out = given[parameter.name].default is not inspect.Parameter.empty
        assert left_out == (not parameter.required), f"{function.name}.{parameter.name}"
        if left_out and "default" in parameter.schema:
            assert given[parameter.name].default == parameter.schema["default"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ALL))
def test_a_project_of_a_template_builds_as_it_is(name: str, tmp_path: Path) -> None:
    """At a small size and on a tiny random base: every stage to the GGUF, every function with rows on both sides."""
    scaffold(tmp_path / "app", template=name)
    settings = (
        f"base = {json.dumps(str(base()))}\n[synth]\nper_function = 14\nheld_out_per_function = 4\n"
        "[train]\nepochs = 1\nbatch = 16\n[export]\nparity_queries = 20\ntolerance = 1.0\n"
    )
    (tmp_path / "app" / "octo.toml").write_text(settings, encoding="utf-8")
    project = open_project(tmp_path / "app")
    report = build(project)
    assert report.verify is not None and report.evaluation is not None and report.files[0].exists()
    functions = {f.name for f in project.spec.functions}
    assert set(report.verify.by_function) - {"none"} == functions
    assert set(report.evaluation.card.by_function) == functions
    assert report.verify.leaks == {"text": 0, "skeleton": 0, "value": 0, "near": 0}
    assert sum(report.verify.reasons.values()) <= 0.05 * sum(report.verify.accepted.values()), report.verify.reasons

"""The built-in teacher: valid, grounded, split without leaks, varied, and the same in every process."""

import hashlib
import itertools
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from octocli.core.calls import is_nested
from octocli.core.config import SynthSettings
from octocli.core.resolvers import resolve
from octocli.core.schemas import is_valid
from octocli.core.spec import Spec, load_spec, parse_spec
from octocli.core.splits import assign_splits, bucket_of, free_values, leaks, normal, skeleton_of
from octocli.core.tokens import assign_tokens
from octocli.stages.checks import first_reason
from octocli.stages.synthesize import plan
from octocli.teachers.builtin import BuiltinTeacher
from octocli.teachers.builtin.examples import recipes
from octocli.teachers.builtin.naming import gerund, indefinite, read_name
from octocli.teachers.builtin.noise import roughen
from octocli.teachers.builtin.packs import language_of
from octocli.teachers.builtin.roles import roles_of
from octocli.teachers.builtin.sentences import Clause, framed
from octocli.teachers.builtin.surfaces import implied, surfaces

EN = language_of("en")

ROOT = Path(__file__).parent.parent


def _text(**more):
    return {"type": "string", **more}


def _function(name, description, properties, required=(), **more):
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"name": name, "description": description, "parameters": parameters, **more}


FOOD = parse_spec(
    {
        "app": "food",
        "functions": [
            _function(
                "search_restaurants",
                "Finds restaurants that deliver.",
                {
                    "cuisine": _text(),
                    "location": _text(),
                    "max_price": {"type": "number"},
                    "open_now": {"type": "boolean"},
                },
                ["cuisine"],
            ),
            _function(
                "orderFood",
                "Orders a dish from a restaurant.",
                {
                    "item": _text(),
                    "restaurant": _text(),
                    "quantity": {"type": "integer", "minimum": 1, "maximum": 20, "default": 1},
                    "instructions": _text(),
                },
                ["item", "restaurant"],
            ),
            _function("track_order", "Tells where an order is.", {"order_id": _text()}),
            _function(
                "book_table",
                "Books a table.",
                {
                    "restaurant": _text(),
                    "party_size": {"type": "integer", "minimum": 1, "maximum": 20},
                    "date": _text(format="date"),
                    "time": _text(format="time"),
                },
                ["restaurant", "party_size", "time"],
            ),
            _function(
                "add_tip", "Adds a tip for the driver.", {"amount": {"type": "number", "minimum": 0}}, ["amount"]
            ),
            _function("clear_cart", "Empties the cart.", {}),
            _function(
                "apply_promo_code", "Applies a promo code.", {"code": _text(pattern="^[A-Z]{4}[0-9]{2}$")}, ["code"]
            ),
        ],
    }
)
PHONE = parse_spec(
    {
        "app": "phone",
        "functions": [
            _function("send_message", "Sends a text message.", {"to": _text(), "body": _text()}, ["to", "body"]),
            _function(
                "call_contact",
                "Calls a person.",
                {"contact": _text(), "speaker": {"type": "boolean", "default": False}},
                ["contact"],
            ),
            _function(
                "create_event",
                "Puts an event on the calendar.",
                {
                    "title": _text(),
                    "start": _text(format="date-time"),
                    "duration_minutes": {"type": "integer", "minimum": 5, "maximum": 600},
                },
                ["title", "start"],
            ),
            _function("toggle_wifi", "Switches wifi.", {"enabled": {"type": "boolean"}}, ["enabled"]),
            _function("battery", "The charge that is left.", {}),
            _function("navigate_to", "Starts navigation.", {"destination": _text()}, ["destination"]),
            _function(
                "turn_on", "Turns something on.", {"device": _text(enum=["flashlight", "hotspot", "gps"])}, ["device"]
            ),
        ],
    }
)
HOME = load_spec(ROOT / "templates/smart-home/api.json")
NESTABLE = parse_spec(
    {
        "app": "phone",
        "functions": [
            _function(
                "get_weather",
                "Tells the weather at a place.",
                {"location": _text(), "date": _text(format="date")},
                returns=_text(maxLength=200),
            ),
            _function(
                "send_text_message",
                "Sends a text message.",
                {"contact_name": _text(maxLength=80), "message": _text(maxLength=500)},
                ["contact_name", "message"],
            ),
            _function("make_call", "Calls a number.", {"phone_number": _text(maxLength=30)}, ["phone_number"]),
        ],
    }
)
SPECS = {"food": FOOD, "phone": PHONE, "home": HOME}
CELLS = [(key, f.name) for key, spec in SPECS.items() for f in spec.functions]
SPECS["nestable"] = NESTABLE  # whose calls stand in others: its tests are its own


def _draw(key, name, split, count):
    spec = SPECS[key]
    stream = BuiltinTeacher(spec, 7).positives(spec.by_name[name], split)
    return list(itertools.islice(stream, count))


def _arguments(sample, spec):
    for index, call in enumerate(sample.calls):
        function = spec.by_name[call["name"]]
        for name, value in call["arguments"].items():
            assert not is_nested(value, spec, function, name)
            yield function.param(name), value, f"/{index}/arguments/{name}"


@pytest.mark.parametrize(("key", "name"), CELLS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_calls_are_valid_and_complete(key, name, split):
    spec = SPECS[key]
    for sample in _draw(key, name, split, 120):
        assert sample.calls[0]["name"] == name and sample.query == sample.query.strip()
        assert "{" not in sample.query and "}" not in sample.query
        for call in sample.calls:
            function = spec.by_name[call["name"]]
            required = {p.name for p in function.params if p.required}
            assert required - set(call["arguments"]) == set(call.get("missing", ()))
        for parameter, value, _ in _arguments(sample, spec):
            assert is_valid(value, parameter.schema), (sample, parameter.name)


@pytest.mark.parametrize(("key", "name"), CELLS)
def test_every_value_is_in_the_query_in_some_words(key, name):
    spec = SPECS[key]
    for sample in _draw(key, name, "test", 150):
        query = f" {normal(sample.query)} "
        for parameter, value, pointer in _arguments(sample, spec):
            if pointer in sample.said:
                words = sample.said[pointer]
                clock = datetime.fromisoformat(sample.now) if sample.now else None
                assert words in sample.query
                assert resolve(words, parameter.name, parameter.schema, clock) == value, (sample, words)
                continue
            said = [str(value), *surfaces(value, parameter.name, parameter.schema, EN)]
            said += implied(value, parameter.name, parameter.schema, EN)
            hit = any(f" {normal(s)} " in query for s in said if normal(s))
            # A verb's object stands between its words: "turn the lamp off"; noise may touch the verb.
            assert hit or parameter.kind in ("boolean", "enum"), (sample, parameter.name)


@pytest.mark.parametrize(("key", "name"), CELLS)
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_skeletons_and_values_keep_to_their_side(key, name, split):
    spec = SPECS[key]
    for sample in _draw(key, name, split, 80):
        if sample.split is None:
            assert bucket_of(skeleton_of(sample, spec)) == split
            assert all(bucket_of(v) == split for v in free_values(sample, spec))
        else:
            assert sample.split == split == "train"


@pytest.mark.parametrize("key", SPECS)
def test_the_leak_check_drops_next_to_nothing(key):
    spec, teacher = SPECS[key], BuiltinTeacher(SPECS[key], 3)
    samples = {}
    for split, count in (("train", 120), ("validation", 20), ("test", 60)):
        for function in spec.functions:
            samples |= {s.id: s for s in itertools.islice(teacher.positives(function, split), count)}
        for kind in teacher.negative_kinds:
            samples |= {s.id: s for s in itertools.islice(teacher.negatives(kind, split), count)}
    kept, dropped = assign_splits(list(samples.values()), spec)
    assert len(dropped) <= 0.01 * len(kept), dropped[:5]
    assert not any(leaks(kept, spec).values())


@pytest.mark.parametrize(("key", "name"), CELLS)
def test_there_is_enough_to_learn_and_to_test(key, name):
    spec = SPECS[key]
    plain = not spec.by_name[name].params
    for split, texts, skeletons in (("train", 200, 60), ("test", 120, 45)):
        rows = _draw(key, name, split, 300)
        assert len({normal(s.query) for s in rows}) >= (texts * 0.5 if plain else texts)
        assert len({skeleton_of(s, spec) for s in rows}) >= skeletons


def test_every_listed_value_and_every_option_gets_its_share():
    rows = _draw("home", "control_vacuum", "train", 400)
    actions = Counter(s.calls[0]["arguments"]["action"] for s in rows if "action" in s.calls[0]["arguments"])
    rooms = Counter(s.calls[0]["arguments"].get("room") for s in rows)
    assert min(actions[a] for a in ("start", "pause", "dock")) > 60
    assert set(rooms) == {None, *HOME.by_name["control_vacuum"].param("room").schema["enum"]}


def test_kinds_of_positives():
    kinds = Counter(s.kind for s in _draw("food", "book_table", "train", 1000))
    assert 20 < kinds["parallel"] < 130 and 20 < kinds["missing"] < 130 and kinds["positive"] > 700


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_call_stands_where_its_result_fits(split):
    tokens = assign_tokens(NESTABLE)
    rows = [s for s in _draw("nestable", "send_text_message", split, 1500) if s.kind == "nested"]
    assert len(rows) > 40 and len({skeleton_of(s, NESTABLE) for s in rows}) > 20
    for sample in rows:
        inner = sample.calls[0]["arguments"]["message"]
        assert inner["name"] == "get_weather" and "contact_name" in sample.calls[0]["arguments"]
        assert first_reason(replace(sample, split=None), NESTABLE, tokens, EN) is None, sample
        assert bucket_of(sample.skeleton) == split
        assert not re.search(r"\b(?:saying|says|that|a|an) (?:the|my|some)\b|\bthe the\b", sample.query), sample.query
    # Values of both calls are said.
    assert any("date" in s.calls[0]["arguments"]["message"]["arguments"] for s in rows)


def test_the_plan_has_cells_of_nested_calls_only_where_some_fit():
    cells = plan(NESTABLE, SynthSettings(nested=0.5), ())
    assert {c.subject for c in cells if c.kinds == ("nested",)} == {"send_text_message"}


def test_the_teacher_says_what_kinds_a_function_has():
    teacher = BuiltinTeacher(NESTABLE)
    has = {
        f.name: [k for k in ("positive", "missing", "nested") if teacher.can_write(k, f)] for f in NESTABLE.functions
    }
    assert has == {
        "get_weather": ["positive"],
        "send_text_message": ["positive", "missing", "nested"],
        "make_call": ["positive", "missing"],
    }
    # What the verb says cannot be forgotten.
    assert not BuiltinTeacher(PHONE).can_write("missing", PHONE.by_name["toggle_wifi"])


def test_a_wish_to_know_stands_in_no_frame_of_commands():
    queries = [s.query.lower() for s in _draw("nestable", "get_weather", "train", 1500)]
    wishes = [q for q in queries if "i want to know" in q or "i'd like to know" in q]
    assert len(wishes) > 5
    assert not any(re.search(r"(?:can|could|would) you i |(?:please|just|you) i(?:'d| want)", q) for q in wishes)


def test_examples_open_the_training_stream_and_stand_nowhere_else():
    function = HOME.by_name["set_alarm"]
    rows = _draw("home", "set_alarm", "train", 40)
    first = [s for s in rows if s.kind == "example"]
    assert [s.query for s in first] == [e.query for e in function.examples]
    assert all(s.split == "train" for s in first)
    queries = {normal(e.query) for f in HOME.functions for e in f.examples}
    assert not queries & {normal(s.query) for s in _draw("home", "set_alarm", "test", 300)}


@pytest.mark.parametrize("key", SPECS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_negatives_are_many_and_keep_to_their_side(key, split):
    teacher = BuiltinTeacher(SPECS[key], 5)
    for kind in teacher.negative_kinds:
        rows = list(itertools.islice(teacher.negatives(kind, split), 400))
        assert len(rows) == 400
        assert len({normal(s.query) for s in rows}) > 300
        assert all(not s.calls and s.kind == kind and bucket_of(normal(s.skeleton)) == split for s in rows)
        assert not any("{" in s.query or "}" in s.query for s in rows)


def test_other_apps_leave_out_what_the_app_does():
    teacher = BuiltinTeacher(PHONE, 5)
    rows = [s.query.lower() for s in itertools.islice(teacher.negatives("other-app", "train"), 3000)]
    assert not any(q.startswith(("text ", "call ", "take me to ", "navigate ")) for q in rows)
    teacher = BuiltinTeacher(FOOD, 5)
    rows = [s.query.lower() for s in itertools.islice(teacher.negatives("other-app", "train"), 3000)]
    assert not any("table for" in q or "promo code" in q for q in rows)


def _digest():
    found = hashlib.sha256()
    for key, spec in SPECS.items():
        teacher = BuiltinTeacher(spec, 11)
        streams = [teacher.positives(f, s) for f in spec.functions[:4] for s in ("train", "test")]
        streams += [teacher.negatives(k, "train") for k in teacher.negative_kinds]
        for stream in streams:
            for sample in itertools.islice(stream, 40):
                found.update(json.dumps(sample.to_json(), ensure_ascii=False).encode())
        found.update(key.encode())
    return found.hexdigest()


def test_streams_are_the_same_in_every_process():
    code = "import sys; sys.path.insert(0, 'tests'); import test_builtin_teacher as t; print(t._digest())"
    seen = {_digest()}
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=env, check=True
        )
        seen.add(run.stdout.strip())
    assert len(seen) == 1


def test_streams_do_not_depend_on_each_other():
    alone = _draw("food", "add_tip", "train", 30)
    teacher = BuiltinTeacher(FOOD, 7)
    other = teacher.positives(FOOD.by_name["book_table"], "test")
    mixed = []
    for sample in itertools.islice(teacher.positives(FOOD.by_name["add_tip"], "train"), 30):
        next(other)
        mixed.append(sample)
    assert mixed == alone


def test_seeds_differ():
    one, two = (BuiltinTeacher(FOOD, seed).positives(FOOD.functions[0], "train") for seed in (1, 2))
    assert [s.query for s in itertools.islice(one, 20)] != [s.query for s in itertools.islice(two, 20)]


def test_reading_a_name():
    spec = parse_spec(
        [
            _function("turn_on", "Turns on.", {}),
            _function("getBatteryLevel", "Gets it.", {}),
            _function("weather", "Gives the forecast.", {}),
            _function("frobnicate_widget", "Frobnicates a widget.", {}),
        ],
        app="a",
    )
    names = [read_name(f, EN.words) for f in spec.functions]
    assert [(n.verb, n.group["class"], n.nouns) for n in names] == [
        ("turn on", "turn_on", ()),
        ("get", "query", ("battery", "level")),
        ("get", "query", ("weather",)),
        ("frobnicate", "other", ("widget",)),
    ]


def test_english_forms():
    assert gerund("set the alarm", EN.words) == "setting the alarm"
    assert gerund("make it blue", EN.words) == "making it blue"
    assert (indefinite("apple"), indefinite("8 minute timer"), indefinite("uniform"), indefinite("timer")) == (
        "an",
        "an",
        "a",
        "a",
    )


def test_verbs_imply_states():
    schema = {"type": "boolean"}
    assert "unlock" in implied(False, "locked", schema, EN) and "lock" in implied(True, "locked", schema, EN)
    assert "shut off" in implied("off", "state", {"type": "string", "enum": ["on", "off"]}, EN)
    assert surfaces("living_room", "room", {"type": "string", "enum": ["living_room"]}, EN)[0] == "living room"


CAMERA = _function(
    "take_photo",
    "Takes a photo.",
    {"camera": _text(enum=["front", "back"], **{"x-octo-synonyms": {"front": ["selfie", "inner"]}})},
    examples=[
        {"query": "take a selfie", "calls": [{"name": "take_photo", "arguments": {"camera": "front"}}]},
        {"query": "photo with the back one", "calls": [{"name": "take_photo", "arguments": {"camera": "back"}}]},
    ],
)


def test_a_spec_s_own_synonyms_are_said_and_understood():
    spec = parse_spec({"app": "cam", "functions": [CAMERA]})
    camera = spec.functions[0].params[0]
    assert "selfie" in surfaces("front", "camera", camera.schema, EN)
    rows = list(itertools.islice(BuiltinTeacher(spec, 0).positives(spec.functions[0], "test"), 300))
    assert any("inner" in s.query for s in rows if s.calls[0]["arguments"].get("camera") == "front")


def test_an_example_whose_word_says_more_than_its_value_is_not_filled_with_another():
    spec = parse_spec({"app": "cam", "functions": [CAMERA]})
    by_query = {r.pattern: r.slots for r in recipes(spec.functions[0], spec, EN)}
    assert by_query == {"take a selfie": (), "photo with the {0/camera} one": ("camera",)}


def test_a_value_is_found_in_the_longest_words_that_say_it():
    function = _function(
        "forecast", "Tells the weather.", {"days": {"type": "integer", "minimum": 1}},
        examples=[{"query": "next 3 days", "calls": [{"name": "forecast", "arguments": {"days": 3}}]}],
    )  # fmt: skip
    spec = parse_spec({"app": "sky", "functions": [function]})
    assert [r.pattern for r in recipes(spec.functions[0], spec, EN)] == ["next {0/days}"]


def test_a_digit_for_a_word_never_stands_before_a_value():
    for seed in range(3000):
        assert " 2 {" not in roughen("turn the volume to {0/level}", EN.words, random.Random(seed))
        assert " 4 {" not in roughen("table for {0/party}", EN.words, random.Random(seed))


def test_two_verbs_in_a_name_are_no_noun():
    both = parse_spec({"app": "door", "functions": [_function("open_or_lock_door", "Opens or locks.", {})]})
    assert (name := read_name(both.functions[0], EN.words)).verb == "open" and name.nouns == ("door",)


def test_a_mode_s_name_is_no_name_of_the_thing():
    thermostat = next(f for f in HOME.functions if f.name == "set_thermostat")
    assert "heat" not in EN.phrasing(thermostat).nouns and "thermostat" in EN.phrasing(thermostat).nouns


def _searches(*names: str) -> Spec:
    query = {"query": {"type": "string", "description": "What it is about."}}
    return parse_spec({"app": "media", "functions": [_function(n, f"Runs {n}.", query, ["query"]) for n in names]})


def _stand_alone(spec: Spec) -> bool:
    """Whether some request for the first function is a verb that says little, or nothing, and the value."""
    heads = EN.phrasing(spec.functions[0], spec.functions).heads
    return any(h.text in ("{query}", "find {query}", "get me {query}", "look for {query}") for h in heads)


def test_a_topic_alone_is_no_request_where_two_functions_search():
    """Nobody could tell whether "wedding venues please" wants videos or news, so it teaches nothing."""
    assert _stand_alone(_searches("search_videos"))
    assert not _stand_alone(_searches("search_videos", "search_news"))
    assert any("videos" in h.text for h in EN.phrasing(_searches("search_videos", "search_news").functions[0]).heads)


@pytest.mark.parametrize(
    ("function", "name", "schema", "role", "pool"),
    [
        ("send_email", "cc", {"type": "string"}, "copied", "person"),
        ("send_email", "attachments", {"type": "array", "items": {"type": "string"}}, "attachment", "file"),
        ("search_videos", "max_results", {"type": "integer"}, "most", "label"),
        ("find_hotels", "max_price", {"type": "number"}, "max_price", "label"),
        ("charge_car", "limit", {"type": "integer"}, "percent", "label"),
        ("take_photo", "resolution", {"enum": ["720p", "4k"]}, "resolution", "label"),
        ("get_news", "language", {"enum": ["english", "hindi"]}, "told_language", "language"),
        ("translate_text", "language", {"enum": ["english", "hindi"]}, "language", "language"),
        # What it belongs to goes before what it is called, and the thing of a spec before the thing of most.
        ("log_walk", "pet_name", {"type": "string"}, "being", "being"),
        ("log_visit", "museum_name", {"type": "string"}, "of_named", "made_venue"),
        ("set_timer", "timer_name", {"type": "string"}, "label", "label"),
        ("make_complaint", "service", {"enum": ["waste", "parks"]}, "concerning", "topic"),
        ("book_pickup", "items", {"type": "array", "items": {"type": "string"}}, "item", "goods"),
        ("tag_photo", "colors", {"type": "array", "items": {"type": "string"}}, "color", "color"),
        ("reserve_charger", "station", {"type": "string"}, "stop_place", "branch"),
        ("compare_fares", "city_b", {"type": "string"}, "second_of", "city"),
        ("find_homes", "min_bedrooms", {"type": "integer"}, "min_of", "label"),
        ("share_clip", "recipient", {"type": "string"}, "shared_with", "person"),
        # Who works is a person, who supplies a firm, and a child no pet.
        ("log_hours", "worker", {"type": "string"}, "whoever", "person"),
        ("assign_task", "workers", {"type": "array", "items": {"type": "string"}}, "whoever", "person"),
        ("record_delivery", "supplier", {"type": "string"}, "supplied_by", "client"),
        ("show_grades", "child", {"type": "string"}, "kid", "kid"),
        ("message_teacher", "teacher", {"type": "string"}, "recipient", "doctor"),
        ("add_access", "until_time", {"type": "string", "format": "time"}, "until_time", "label"),
    ],
)
def test_what_a_parameter_is_said_as(function: str, name: str, schema: dict[str, Any], role: str, pool: str):
    made = parse_spec({"app": "x", "functions": [_function(function, "Does it.", {name: schema})]}).functions[0]
    found = roles_of(made, EN.words)[name]
    assert (found.name, found.pool) == (role, pool)


def _described(function: str, told: str, name: str, description: str):
    return parse_spec(
        {"app": "x", "functions": [_function(function, told, {name: _text(description=description)})]}
    ).functions[0]


@pytest.mark.parametrize(
    ("function", "name", "description", "role", "pool"),
    [
        ("book_ride", "when", "Date and time, as the user says it", "moment", "moment"),
        ("book_ride", "day", "The date in ISO 8601 (YYYY-MM-DD)", "text", "anything"),
        ("start_timer", "time", "Length of time, as said", "length", "length"),
        ("add_pill", "frequency", "How often it repeats", "often", "often"),
        ("delete_note", "which", "Which one, such as 'first'", "ordinal", "ordinal"),
        ("plan_trip", "means", "Means of travel", "transport", "transport"),
        ("plan_trip", "stopover", "Place to stop at on the way", "waypoint", "destination"),
        ("log_meal", "what", "The food eaten", "item", "dish"),
        ("find_room", "setting", "Anything, such as 'jazz' or 'techno'", "text", "genre"),
        ("repeat_order", "shop", "Whose last order to repeat", "restaurant", "restaurant"),
        # What ordinary specs say that looks like something else.
        ("assign_ticket", "ticket_id", "Number of the ticket", "ticket_no", "code"),
        ("find_issues", "state", "State of the issues, such as 'open'", "text", "anything"),
        ("create_task", "due_date", "Date by which it is due", "until_moment", "moment"),
        ("find_mail", "after", "Date after which it came, as said", "from_moment", "moment"),
        ("book_room", "room_type", "Type of room, such as 'single' or 'suite'", "type", "named"),
        ("branch_repo", "base", "Branch to start from", "text", "anything"),
    ],
)
def test_what_a_parameter_is_said_as_by_its_description(function, name, description, role, pool):
    found = roles_of(_described(function, "Does it.", name, description), EN.words)[name]
    assert (found.name, found.pool) == (role, pool)


def test_a_time_as_said_brings_its_own_preposition():
    function = _described("set_alarm", "Set an alarm.", "at", "Date or time, as said")
    spec = parse_spec({"app": "x", "functions": [function.to_json()]})
    rows = list(itertools.islice(BuiltinTeacher(spec, 0).positives(spec.functions[0], "train"), 400))
    said = [(s.query.lower(), str(s.calls[0]["arguments"]["at"]).lower()) for s in rows if s.calls[0]["arguments"]]
    assert len({value for _, value in said}) > 100
    before = {re.findall(r"[a-z']+", query.split(value)[0])[-1:][0] for query, value in said if query.find(value) > 0}
    assert {"at", "on", "for"} <= before
    assert not [q for q, v in said if v.startswith(("tomorrow", "in ", "tonight")) and re.search(rf"\b(at|on) {v}", q)]
    assert any(re.search(r"\b(tomorrow|tonight)\b", v) for _, v in said), "words of time belong to no side"


def test_the_verb_of_a_sibling_is_not_ones_own():
    """An alarm is set by one function and changed by another, whose phrase book has "set" as well."""
    names = ("create_alarm", "update_alarm", "delete_alarm")
    spec = parse_spec({"app": "x", "functions": [_function(n, f"{n.split('_')[0].title()} it.", {}) for n in names]})
    by_name = {f.name: {h.text for h in EN.phrasing(f, spec.functions).heads} for f in spec.functions}
    assert "set an alarm" in by_name["create_alarm"] and "change the alarm" in by_name["update_alarm"]
    assert not any(text.startswith("set ") for text in by_name["update_alarm"])
    alone = parse_spec({"app": "x", "functions": [_function("update_alarm", "Update it.", {})]}).functions[0]
    assert any(h.text.startswith("set ") for h in EN.phrasing(alone, (alone,)).heads)


def test_sentences_that_set_an_alarm_are_not_those_that_delete_one():
    for name in ("delete_alarm", "get_alarm", "snooze_alarm", "update_alarm"):
        heads = EN.phrasing(_described(name, "Does it.", "at", "Date or time, as said")).heads
        assert not any(h.text.startswith(("wake me", "get me up")) for h in heads), name
    heads = EN.phrasing(_described("set_alarm", "Does it.", "at", "Date or time, as said")).heads
    assert any(h.text.startswith("wake me up") for h in heads)


def test_a_description_is_one_more_way_to_ask():
    timer = parse_spec(
        {"app": "x", "functions": [_function("get_timer", "Tell how much time is left on a timer.", {})]}
    ).functions[0]
    heads = {(h.text, h.form) for h in EN.phrasing(timer).heads}
    assert ("how much time is left on my timer", "question") in heads
    assert ("tell me how much time is left on the timer", "command") in heads
    vague = parse_spec({"app": "x", "functions": [_function("ping", "Send something to a person.", {})]}).functions[0]
    assert not any("something to" in h.text for h in EN.phrasing(vague).heads)


@pytest.mark.parametrize(
    ("name", "description", "params", "nouns", "target"),
    [
        ("update_reminder_date_time", "Change the time of a reminder.", ("date_time",), ("reminder",), ""),
        ("add_time_timer", "Add time to a timer.", (), ("time",), ""),
        ("add_to_cart", "Add an item.", ("item",), (), "to my cart"),
        ("add_to_playlist", "Add a song.", ("playlist",), (), ""),
        ("remove_from_basket", "Remove an item.", (), (), "from my basket"),
        ("get_trending_news", "Show what is trending.", (), ("trending", "news"), ""),
        ("set_seat_heating", "Set the heating of a seat.", ("seat",), ("seat", "heating"), ""),
        ("search_creative_work", "Find a work by its title.", (), ("work",), ""),
        ("mark_as_played", "Mark an episode as played.", (), ("episode",), "as played"),
        ("save_favorite", "Save a work.", ("artwork",), (), "to my favorites"),
        ("report_street_problem", "Report a problem in a street.", ("problem",), ("problem",), ""),
    ],
)
def test_the_nouns_that_people_say(name, description, params, nouns, target):
    function = _function(name, description, {p: _text() for p in params})
    read = read_name(parse_spec({"app": "x", "functions": [function]}).functions[0], EN.words)
    assert (read.nouns, read.target) == (nouns, target)


def test_parameters_stand_inside_the_name_of_the_object():
    properties = {
        "which": _text(description="Which one, such as 'first' or 'next'"),
        "amount": _text(description="How many, such as 'all'"),
    }
    spec = parse_spec({"app": "x", "functions": [_function("delete_note", "Delete a note.", properties)]})
    heads = {h.text for h in EN.phrasing(spec.functions[0]).heads}
    assert {"delete the {which} note", "delete {amount} of my notes", "delete {amount} my notes"} <= heads
    rows = itertools.islice(BuiltinTeacher(spec, 0).positives(spec.functions[0], "train"), 200)
    assert {"first", "next"} <= {s.calls[0]["arguments"].get("which") for s in rows}


def _spec_of(*functions):
    return parse_spec({"app": "x", "functions": list(functions)})


def test_two_parameters_that_only_a_noun_phrase_says_come_together():
    both = {
        "which": _text(description="Which one, such as 'first'"),
        "amount": _text(description="How many, such as 'all'"),
    }
    spec = _spec_of(_function("move_notes", "Move notes.", both, list(both)))
    rows = list(itertools.islice(BuiltinTeacher(spec, 0).positives(spec.functions[0], "train"), 60))
    assert sum(set(s.calls[0]["arguments"]) == set(both) for s in rows if s.kind == "positive") > 20


@pytest.mark.parametrize(
    ("undoes", "makes", "never"),
    [
        ("cancel_reservation", "book_table", "book"),
        ("update_reservation", "make_reservation", "make"),
        ("stop_timer", "start_timer", "start"),
        ("pause_music", "play_music", "play"),
        ("delete_reminder", "create_reminder", "remind"),
    ],
)
def test_what_undoes_is_not_asked_for_in_the_words_of_what_makes(undoes, makes, never):
    things = {"guests": {"type": "integer"}, "song": _text(), "task": _text(), "seconds": {"type": "integer"}}
    both = _spec_of(_function(undoes, "Does it.", things), _function(makes, "Does it.", things))
    one, other = ([h.text for h in EN.phrasing(f, both.functions).heads] for f in both.functions)
    assert one and not [text for text in one if text.startswith(never)]
    assert [text for text in other if text.startswith(never)]


def test_a_description_that_names_its_parameters_is_no_request():
    deal = _function("move_deal", "Move the deal to a stage.", {"stage": _text(), "deal": _text()})
    assert not [
        h.text for h in EN.phrasing(_spec_of(deal).functions[0]).heads if re.search(r"to (?:a|my|the) stage", h.text)
    ]


def test_the_phrase_book_names_only_what_it_has():
    book = EN.words
    roles = {e["role"] for e in book.roles} | {name for e in book.roles for name in e.get("also", ())}
    assert {role for c in book.constructs for role in c.roles} <= roles
    known = {"role", "match", "kinds", "described", "not_described", "if_function", "unless_function", "carriers",
             "told", "not_told", "foreign", "phrases", "named_by", "also", "leads", "pool", "object", "modifier",
             "article", "named", "item", "count", "last", "sentence", "range", "unit", "bare", "follows"}  # fmt: skip
    assert {key for e in book.roles for key in e} <= known
    pools = set(book.pools)
    assert {e["pool"] for e in book.roles if "pool" in e} - {"phone"} <= pools
    assert {name for vs in book.pools.values() for v in vs for name in re.findall(r"\{(\w+)\}", v)} <= pools | set(
        book.topics
    )


def test_what_a_verb_cannot_do_without_is_always_said():
    way = {"destination": _text(), **{name: _text() for name in ("path", "means", "origin", "stop", "note")}}
    spec = _spec_of(_function("get_directions", "Give directions.", way))
    rows = list(itertools.islice(BuiltinTeacher(spec, 0).positives(spec.functions[0], "train"), 200))
    given = Counter(name for s in rows if len(s.calls) == 1 for name in s.calls[0]["arguments"])
    assert given["destination"] > 150 and all(given[name] >= 10 for name in way)


def test_nothing_is_said_after_a_sentence_that_would_be_part_of_it():
    rng = random.Random(5)
    ends = {framed(Clause("text {who} {what}", "command", end="sentence"), EN, rng).partition("{what}")[2]
            for _ in range(2000)}  # fmt: skip
    assert {end.strip(" ,") for end in ends} == {"", "please", "thanks"}
    timed = {framed(Clause("wake me at {time}", "command", end="time"), EN, rng) for _ in range(2000)}
    assert not [text for text in timed if text.endswith((" now", " asap"))]
    assert any(text.endswith(" for me") for text in timed)


def test_what_a_message_says_decides_nothing():
    """Talk and other apps' requests are refused on their own, and are the texts of messages and reminders too."""
    send = _function("send_text", "Sends a text.", {"contact": _text(), "message": _text()}, ["contact", "message"])
    teacher = BuiltinTeacher(parse_spec({"app": "phone", "functions": [send]}), 0, "en")
    samples = list(itertools.islice(teacher.positives(teacher.spec.functions[0], "train"), 400))
    said = {call["arguments"].get("message", "").lower() for s in samples for call in s.calls}
    talk = {line.lower() for line in EN.words.chat if "{" not in line}
    assert len(said & talk) > 10 and len(said) > 250


def test_what_can_only_be_made_cannot_be_undone():
    add = _function("create_contact", "Saves a contact.", {"name": _text()}, ["name"])
    drop = _function("remove_contact", "Removes a contact.", {"name": _text()}, ["name"])

    def undone(*functions):
        teacher = BuiltinTeacher(parse_spec({"app": "phone", "functions": list(functions)}), 0, "en")
        lines = itertools.islice(teacher.negatives("near-miss", "train"), 600)
        return [
            s.query
            for s in lines
            if re.search(r"(?i)^(?:delete|remove|get rid of|erase) (?:the|my|this) contact", s.query)
        ]

    assert undone(add) and not undone(add, drop)


def test_what_a_figure_is_of_is_asked_for_by_its_name():
    metric = {"type": "string", "enum": ["steps", "heart_rate"], "description": "what to show"}
    period = {"type": "string", "enum": ["day", "week"], "description": "how far back"}
    show = _function("show_progress", "Shows progress over time.", {"metric": metric, "period": period})
    teacher = BuiltinTeacher(parse_spec({"app": "fit", "functions": [show]}), 0, "en")
    asked = {" ".join(s.query.lower().strip(" .?!").split())
             for s in itertools.islice(teacher.positives(teacher.spec.functions[0], "train"), 500)}  # fmt: skip
    assert any("my heart rate this week" in text for text in asked)
    assert asked & {"my steps", "my heart rate", "how is my heart rate", "what's my heart rate"}


def _asked(function, count=300):
    """Queries of one call with its arguments, in plain letters."""
    teacher = BuiltinTeacher(_spec_of(function), 0, "en")
    drawn = itertools.islice(teacher.positives(teacher.spec.functions[0], "train"), count)
    return [(s.query.lower(), s.calls[0]["arguments"]) for s in drawn if len(s.calls) == 1]


def test_a_unit_stands_beside_its_number_and_a_state_beside_its_town():
    unit = {"type": "string", "enum": ["kg", "lb"], "description": "unit"}
    value = {"type": "number", "minimum": 20, "maximum": 400, "description": "body weight"}
    weight = _function("log_weight", "Logs the weight.", {"value": value, "unit": unit}, ["value"])
    beside = r"\d (?:kilos|kilograms|kg|pounds|lbs?)\b"
    with_both = [query for query, said in _asked(weight) if len(said) == 2]
    assert sum(bool(re.search(beside, query)) for query in with_both) > len(with_both) / 4 > 10
    places = {"city": _text(description="city"), "state": _text(description="state of the US"),
              "country": _text(description="country")}  # fmt: skip
    forecast = _function("get_weather", "Tells the weather.", places)
    chains = [(query, said) for query, said in _asked(forecast) if {"city", "state"} <= set(said)]
    next_to = [q for q, said in chains if re.search(rf"{re.escape(said['city'])},?(?: in)? {said['state']}", q, re.I)]
    assert len(next_to) > len(chains) / 3 > 5


def test_what_follows_another_that_follows_it_goes_round_no_circle():
    score = {"rating": _text(description="the rating given, as said"),
             "best_rating": _text(description="the highest possible rating"),
             "rating_unit": _text(description="unit of the rating, such as 'stars'")}  # fmt: skip
    rate = _function("rate_book", "Gives a rating to a book.", score, ["rating"])
    with_all = [query for query, said in _asked(rate, 600) if len(said) == 3]
    assert len(with_all) > 10 and all("{" not in query for query in with_all)


def test_who_logs_a_thing_may_tell_it():
    food = {"food": _text(description="what was eaten")}
    meal = _function("log_meal", "Logs something the user ate.", food, ["food"])
    told = [query for query, _ in _asked(meal) if re.search(r"\b(?:had|ate)\b", query)]
    assert len(told) > 30
    assert not [
        query for query in told if re.search(r"\b(?:could|can|would|will) (?:you|u) (?:just )?(?:had|ate)", query)
    ]


def test_the_unit_to_convert_to_does_not_stand_beside_the_number():
    units = {"type": "string", "enum": ["km", "mi", "kg", "lb"]}
    value = {"type": "number", "description": "value"}
    convert = _function(
        "convert_units", "Converts a value.", {"value": value, "from_unit": units, "to_unit": units},
        ["value", "from_unit", "to_unit"],
    )  # fmt: skip
    words = {
        "km": r"(?:k|km|kilomet\w+)\b",
        "mi": r"mi(?:les)?\b",
        "kg": r"(?:kg|kilos|kilograms)\b",
        "lb": r"(?:lbs?|pounds)\b",
    }
    beside = [
        bool(re.search(rf"\d {words[said['to_unit']]}", query))
        for query, said in _asked(convert, 400)
        if len(said) == 3 and said["from_unit"] != said["to_unit"]
    ]
    assert len(beside) > 100 and not any(beside)


def test_no_second_request_follows_a_message():
    text = _function("send_text", "Sends a text.", {"contact": _text(), "message": _text()}, ["contact", "message"])
    lamp = _function("turn_on_lamp", "Turns a lamp on.", {"lamp": _text()})
    teacher = BuiltinTeacher(_spec_of(text, lamp), 0, "en")
    drawn = itertools.islice(teacher.positives(teacher.spec.functions[0], "train"), 500)
    both = [s for s in drawn if len(s.calls) == 2]
    assert both
    ends = [s.query.lower().find(s.calls[0]["arguments"].get("message", "\0").lower()) for s in both]
    after = [
        s.query[at + len(s.calls[0]["arguments"]["message"]) :] for s, at in zip(both, ends, strict=True) if at >= 0
    ]
    assert not [rest for rest in after if re.match(r"[,.]? (?:and|then|also|after that|plus|oh)\b", rest)]


@pytest.mark.parametrize(
    ("name", "description", "verb", "nouns"),
    [
        # The thing may be a verb elsewhere, and the verb one that no list has.
        ("mark_email", "Change the status of emails.", "mark", ("email",)),
        ("snooze_email", "Snooze an email.", "snooze", ("email",)),
        ("frobnicate_order", "Frobnicate an order.", "frobnicate", ("order",)),
        ("hire_trainer", "Book a personal trainer.", "hire", ("trainer",)),
        ("set_out_of_office", "Enable or disable the automatic response.", "set", ("out of office",)),
        ("move_to_album", "Move photos to an album.", "move", ("photos",)),
        ("light_control", "Light control for all rooms.", "control", ("light",)),
    ],
)
def test_the_verb_of_a_name_and_what_it_is_done_to(name, description, verb, nouns):
    read = read_name(_spec_of(_function(name, description, {})).functions[0], EN.words)
    assert (read.verb, read.nouns) == (verb, nouns)


def test_a_verb_brings_whole_sentences_of_its_own():
    cancel = EN.phrasing(_spec_of(_function("cancel_visit", "Cancel a visit.", {})).functions[0])
    lines = {h.text: h.form for h in cancel.heads if h.source == "line"}
    assert lines["i don't need the visit any more"] == "statement" and not any("{o}" in text for text in lines)
    create = EN.phrasing(_spec_of(_function("create_visit", "Create a visit.", {})).functions[0])
    assert ("new visit", "noun") in {(h.text, h.form) for h in create.heads if h.source == "line"}


def test_nobody_orders_an_order():
    place = EN.phrasing(_spec_of(_function("place_order", "Place an order.", {})).functions[0])
    said = [h.text for h in place.heads if h.source == "verb"]
    assert "place an order" in said and "order an order" not in said


def test_what_a_program_does_beside_it_is_not_asked_for():
    function = _spec_of(_function("create_visit", "Create a visit and notify the guests.", {})).functions[0]
    assert not [h.text for h in EN.phrasing(function).heads if "notify" in h.text]


def test_a_flag_of_only_is_said_of_the_thing():
    assert "only refundable" in surfaces(True, "refundable_only", {"type": "boolean"}, EN)


def test_what_is_marked_is_always_said_to_become_something():
    mark = EN.phrasing(_spec_of(_function("mark_as_played", "Mark an episode as played.", {})).functions[0])
    said = [h.text for h in mark.heads if h.source in ("verb", "alias")]
    assert "mark the episode as played" in said and all(text.endswith("as played") for text in said)


def test_the_days_of_something_are_asked_for_by_when_it_is():
    days = _function("get_collection_days", "Get the next collection days.", {})
    heads = {h.text for h in EN.phrasing(_spec_of(days).functions[0]).heads}
    assert {"when is the collection", "when is the next collection"} <= heads
    status = EN.phrasing(_spec_of(_function("get_order_status", "Get the status.", {})).functions[0])
    assert not [h.text for h in status.heads if h.text.startswith("when")]


def test_only_who_asks_is_told_how():
    """A description of "how fast" is what a function changes, unless it answers."""
    change = EN.phrasing(_spec_of(_function("set_speed", "Change how fast it plays.", {})).functions[0])
    assert not [h.text for h in change.heads if h.text.startswith(("how", "tell me"))]


def test_a_number_of_something_else_is_not_what_is_paid():
    properties = {"account_number": _text(), "amount": {"type": "number"}}
    pay = EN.phrasing(_spec_of(_function("pay_tax", "Pay a tax.", properties)).functions[0])
    assert pay.object is None and not [h.text for h in pay.heads if "tax {account_number}" in h.text]
    track = EN.phrasing(_spec_of(_function("track_order", "Track an order.", {"order_number": _text()})).functions[0])
    assert track.object is not None and "order {order_number}" in {h.text for h in track.heads}


def test_who_gives_money_says_how_much():
    give = _function("donate", "Donate to the museum.", {"amount": {"type": "number"}}, ("amount",))
    heads = {h.text for h in EN.phrasing(_spec_of(give).functions[0]).heads if h.source == "verb"}
    assert "donate {amount}" in heads and not [text for text in heads if text.endswith(" it")]


def test_a_unit_on_a_number_wants_figures():
    weight = {"amount_grams": {"type": "integer", "minimum": 20, "maximum": 500}}
    asked = _asked(_function("log_meal", "Record a meal.", weight, ("amount_grams",)))
    glued = [text for text, _ in asked if re.search(r"[a-z0-9]g\b(?<!ing)", text) and "grams" not in text]
    assert any(re.search(r"\d+g\b", text) for text in glued)
    assert not [text for text in glued if re.search(r"(?:ty|hundred|teen)g\b", text)]


def test_a_listed_service_that_is_a_command_is_said_as_one():
    services = {"service": _text(enum=["make_bed", "empty_trash", "turndown"])}
    cleaning = _function("request_housekeeping", "Ask somebody to come to the room.", services, ("service",))
    asked = _asked(cleaning)
    beds = [args for text, args in asked if "make the bed" in text or "make my bed" in text]
    assert beds and all(args["service"] == "make_bed" for args in beds)


def test_what_is_had_is_the_object_of_who_asks_for_it():
    ways = {"type": _text(enum=["taxi", "limousine"]), "destination": _text()}
    ride = EN.phrasing(_spec_of(_function("book_transport", "Arrange transport.", ways, ("type",))).functions[0])
    assert ride.object is not None and ride.object.name == "type"
    assert "book a {type}" in {h.text for h in ride.heads}


def test_two_lengths_of_time_go_by_their_names():
    both = {f"{name}_seconds": {"type": "integer", "minimum": 5} for name in ("work", "rest")}
    roles = roles_of(_spec_of(_function("start_timer", "Start it.", both)).functions[0], EN.words)
    assert all(name in c for name in ("work", "rest") for c in roles[f"{name}_seconds"].carriers)
    assert not any(role.modifier for role in roles.values())


def test_who_checks_out_checks_out_of_nothing():
    out = EN.phrasing(_spec_of(_function("check_out", "Check out of the room.", {})).functions[0])
    said = {h.text for h in out.heads}
    assert "check me out" in said and not [text for text in said if text.endswith(" it")]


def test_an_action_is_said_by_its_verb():
    acts = {"action": _text(enum=["pause", "discard", "finish"])}
    asked = _asked(_function("control_workout", "Pause, finish or discard a workout.", acts, ("action",)))
    assert any(re.search(r"\bpause (?:the|my)", text) for text, args in asked if args["action"] == "pause")
    assert any("finish" in text for text, args in asked if args["action"] == "finish")


def test_large_numbers_are_written_as_people_write_them():
    goal = {"target": {"type": "integer", "minimum": 1, "maximum": 1_000_000}}
    asked = _asked(_function("set_goal", "Set a goal.", goal, ("target",)))
    assert any(re.search(r"\d,\d{3}\b", text) for text, _ in asked)
    drawn = [args["target"] for _, args in asked if "target" in args]
    assert min(drawn) < 100 < 10_000 < max(drawn) and len({len(str(n)) for n in drawn}) >= 4


def test_braces_in_a_description_are_no_slots():
    for told in ("Say {text} aloud.", "Find a {0} room.", "Show [all] rooms <now>."):
        spec = _spec_of(_function("say", told, {"text": _text()}, ("text",)))
        assert not [h.text for h in EN.phrasing(spec.functions[0]).heads if re.search(r"[\[\]<>]|\{0\}", h.text)]
        assert list(itertools.islice(BuiltinTeacher(spec, 0, "en").positives(spec.functions[0], "train"), 5))


@pytest.mark.parametrize(
    "bounds",
    [
        {"minimum": 0.01, "maximum": 0.05},
        {"minimum": 0.0001, "maximum": 0.01},
        {"exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"minimum": 0, "maximum": 1, "multipleOf": 0.01},
    ],
)
def test_numbers_of_a_narrow_range(bounds: dict[str, float]):
    share = {"threshold": {"type": "number", **bounds}}
    asked = _asked(_function("set_threshold", "Set the threshold.", share, ("threshold",)), 60)
    drawn = {args["threshold"] for _, args in asked if "threshold" in args}
    assert len(drawn) >= 4 and not [value for value in drawn if len(str(value)) > 8]


@pytest.mark.parametrize("pattern", [r"^[^@]+@[^@]+$", r"^(?!TEST)[A-Z]{3,5}$", r"^@\S+$", r"^\D+$"])
def test_texts_of_usual_patterns(pattern: str):
    code = {"code": _text(pattern=pattern)}
    asked = _asked(_function("use_code", "Use a code.", code, ("code",)), 40)
    assert len({args["code"] for _, args in asked if "code" in args}) >= 10


def test_a_sentence_without_its_object_claims_none():
    skip = _function("skip_forward", "Skip ahead in an episode.", {"episode": _text()}, ("episode",))
    heads = EN.phrasing(_spec_of(skip).functions[0]).heads
    assert not [h.text for h in heads if h.uses and "{" not in h.text]


@pytest.mark.parametrize(
    ("told", "name", "said"),
    [
        ("Freeze or unfreeze a card.", "frozen", True),
        ("Enable or disable the rule.", "enabled", True),
        ("Enable or disable the rule.", "blocked", False),
        ("Add or delete a rule.", "active", False),
    ],
)
def test_two_verbs_of_a_description_are_a_parameter_s_two_states(told: str, name: str, said: bool):
    function = _spec_of(_function("set_rule", told, {name: {"type": "boolean"}}, (name,))).functions[0]
    first = told.split()[0].lower()
    assert said == any(h.implies == ((name, True),) and h.text.startswith(f"{first} the ") for h in
                       EN.phrasing(function)._described_states())  # fmt: skip


def test_a_distance_is_said_in_its_own_unit():
    for name, unit, other in (("distance_miles", "miles", "k(?:ilo)?m"), ("distance_km", "k(?:ilo)?m", "miles")):
        asked = _asked(_function("log_run", "Log a run.", {name: {"type": "integer"}}, (name,)), 120)
        said = " ".join(text for text, _ in asked)
        assert re.search(rf"\b{unit}", said) and not re.search(rf"\b{other}", said)


def test_german_parameters_of_one_kind_go_by_their_names_in_german():
    de = language_of("de")
    dates = {name: _text(format="date") for name in ("anreise_date", "abreise_date")}
    roles = roles_of(_spec_of(_function("such_zimmer", "Suche ein Zimmer.", dates)).functions[0], de.words)
    assert not [c for role in roles.values() for c in role.carriers if re.search(r"\b(?:with|of|for)\b", c)]


def test_an_object_is_said_by_its_values():
    place = {"type": "object", "properties": {"street": _text(), "city": _text()}, "required": ["street", "city"]}
    asked = _asked(_function("ship", "Ship a package.", {"address": place}, ("address",)), 40)
    assert asked and not [text for text, _ in asked if re.search(r"[{}']s?treet|\{", text)]


def test_what_is_marked_needs_no_as_in_its_name():
    sold = _spec_of(_function("mark_sold", "Mark one of your listings as sold.", {"item": _text()}, ("item",)))
    said = [h.text for h in EN.phrasing(sold.functions[0]).heads if h.source == "verb"]
    assert said and all(text.endswith("as sold") for text in said)


def test_two_opposite_verbs_are_two_states():
    hide = _function("set_vacation_mode", "Hide or show all listings.", {"enabled": {"type": "boolean"}}, ("enabled",))
    heads = [h for h in EN.phrasing(_spec_of(hide).functions[0]).heads if h.implies]
    assert {h.implies[0][1] for h in heads if h.text.startswith("hide ")} == {True}
    assert {h.implies[0][1] for h in heads if h.text.startswith("show ")} == {False}


def _phrasing_of(name: str, description: str, params: dict[str, Any]):
    return EN.phrasing(parse_spec({"app": "x", "functions": [_function(name, description, params)]}).functions[0])


def test_a_time_whose_function_takes_a_day_says_none():
    """Else "tonight at 7" would be a time alone, in a row whose function has a place for the day."""
    params = {"day": _text(description="day as said by the guest"), "time": {"type": "string", "format": "time"}}
    asked = [query for query, said in _asked(_function("book_massage", "Book a massage.", params)) if "day" not in said]
    assert len(asked) > 50
    assert not [query for query in asked if re.search(r"\b(tonight|tomorrow)\b", query)]


def test_a_thing_is_pointed_at_and_the_article_is_no_part_of_it():
    function = _function("delete_listing", "Remove a listing.", {"item": _text()})
    said = [(query, arguments.get("item", "").lower()) for query, arguments in _asked(function)]
    assert sum(f"the {item}" in query or f"my {item}" in query for query, item in said if item) > 15
    assert not [item for _, item in said if re.match(r"(the|my|our|that) ", item)]


def test_an_option_that_is_an_adjective_stands_before_the_noun():
    function = _function("start_timer", "Start a timer.", {"billable": {"type": "boolean"}})
    rows = _asked(function)
    assert any("a billable timer" in query and said["billable"] is True for query, said in rows if said)
    assert any("non-billable timer" in query and said["billable"] is False for query, said in rows if said)


def test_what_costs_much_is_said_with_a_comma():
    price = {"type": "number", "maximum": 100000}
    rows = _asked(_function("record_payment", "Record a payment.", {"amount": price}))
    dear = [query for query, said in rows if said.get("amount", 0) > 1000]
    assert len(dear) > 20 and any(re.search(r"\d,\d{3}", query) for query in dear)
    open_ended = _asked(_function("record_payment", "Record a payment.", {"amount": {"type": "number"}}))
    assert max(said.get("amount", 0) for _, said in open_ended) <= 1000


def test_what_is_made_is_the_noun_and_not_what_it_is_made_for():
    """An offer on a sofa: nobody says "make the sofa for 30"."""
    params = {"item": _text(), "amount": {"type": "number", "maximum": 900}}
    heads = {h.text for h in _phrasing_of("make_offer", "Make an offer on someone's item.", params).heads}
    assert "make an offer" in heads and not any("{item}" in text for text in heads)
    assert "on {}" in _phrasing_of("make_offer", "Make an offer on someone's item.", params).roles["item"].carriers


def test_the_price_of_a_thing_is_set_to_something():
    params = {"item": _text(), "price": {"type": "number", "maximum": 900}}
    phrasing = _phrasing_of("update_price", "Change the price of one of your listings.", params)
    assert "change the price of {item}" in {h.text for h in phrasing.heads}
    assert phrasing.roles["price"].carriers == ("to {}", "to {}", "at {}")
    assert not any("your" in h.text for h in phrasing.heads)


def test_a_reminder_of_something_is_sent_as_reminders_are():
    assert _phrasing_of("send_payment_reminder", "Chase a client.", {}).name.group["class"] == "send"
    assert _phrasing_of("send_payment", "Pay somebody.", {}).name.group["class"] == "pay"


def test_a_day_that_points_at_itself_takes_no_article():
    params = {"class_name": _text(), "day": _text(description="day as said by the user")}
    asked = [query for query, _ in _asked(_function("book_class", "Book a place in a class.", params))]
    assert any(re.search(r"\bthis \w+ ", query) for query in asked)
    assert not [query for query in asked if re.search(r"\b(the|my) this ", query)]


def test_a_floor_is_no_share_and_on_schedule_is_no_switch():
    level = {"level": {"type": "integer", "description": "floor number"}}
    assert _phrasing_of("open_drawing", "Open a drawing.", level).roles["level"].name == "floor"
    progress = {"on_schedule": {"type": "boolean"}, "percent": {"type": "integer"}}
    phrasing = _phrasing_of("update_progress", "Update the progress.", progress)
    assert not phrasing.states and EN.flag("on schedule", False)[0] == "not on schedule"
    lamp = _phrasing_of("switch_lamp", "Switch the lamp.", {"is_on": {"type": "boolean"}})
    assert [p.name for p in lamp.states] == ["is_on"]


@pytest.mark.parametrize(
    ("flag", "said"),
    [("billable", True), ("urgent", True), ("gluten free", True), ("breakfast included", True), ("trial", False),
     ("rental", False), ("table", False), ("speed", False), ("student", False)],
)  # fmt: skip
def test_which_options_are_adjectives(flag: str, said: bool):
    assert (EN.flag(flag, True)[0] == flag) is said

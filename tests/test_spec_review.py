"""`octo check`: each rule sees what it is for and passes over what is near it; templates stand, any spec is read."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_projects import fun, lamp_rows, new_project, obj, spec_of, write_rows

from octocli.core.errors import BadInput
from octocli.core.project import open_project
from octocli.core.spec import Spec, load_spec, parse_spec
from octocli.core.spec_review import SEVERITIES, DataPlan, Finding, review_spec
from octocli.core.spec_review.confusable import CONFUSABLE
from octocli.core.spec_review.coverage import share_of
from octocli.core.spec_review.likeness import Likeness
from octocli.core.spec_review.listed_values import coded, too_alike
from octocli.core.spec_review.words import WordBook, stem, words_of
from octocli.stages.review import review, word_book
from octocli.stages.verify import verify
from octocli.teachers.builtin import BuiltinTeacher

TEMPLATES = sorted(Path(__file__).parents[1].glob("templates/*/api.json"))
BOOK = word_book("en")

TEXT = {"type": "string", "description": "Street and house number"}


def found_in(*functions: dict[str, Any], per_function: int = 60) -> tuple[Finding, ...]:
    return review_spec(spec_of(*functions), DataPlan(per_function), BOOK)


def pizza(**changes: Any) -> dict[str, Any]:
    """A function with nothing to mend."""
    return {
        "name": "order_pizza",
        "description": "Orders a pizza to an address.",
        "parameters": obj({"address": TEXT}, ("address",)),
        "aliases": ["get me a pizza"],
        **changes,
    }


def taking(schema: dict[str, Any], name: str = "x", *, required: bool = True) -> dict[str, Any]:
    """The same with one more parameter."""
    return pizza(parameters=obj({"address": TEXT, name: schema}, ("address", name) if required else ("address",)))


def listing(*values: Any, **more: Any) -> dict[str, Any]:
    return taking({"enum": list(values), **more}, "topping")


def text_named(name: str, description: str = "Something of it", **more: Any) -> dict[str, Any]:
    return taking({"type": "string", "description": description, **more}, name)


def timer(**changes: Any) -> dict[str, Any]:
    """A second function, unlike the first."""
    return {"name": "set_timer", "description": "Starts a kitchen timer that counts down.", **changes}


def test_a_good_function_gives_nothing() -> None:
    assert found_in(pizza()) == ()


# ---------------------------------------------------------------- each rule, and what is near it

DEEP = obj({"side": obj({"dip": obj({"name": {"type": "string"}})})})
FEWER = obj({"side": obj({"dip": {"type": "string"}})})
NINE = {f"topping{i}": {"type": "boolean"} for i in range(9)}
LONG = [
    f"{a} {b}"
    for a in "red blue green gold pink grey teal navy".split()
    for b in "cup bowl dish fork lamp vase box".split()
]

CASES: list[tuple[str, str, list[dict[str, Any]], list[dict[str, Any]]]] = [
    # severity and rule, a part of what is said, functions that have it, functions near them that have not
    ("warning description", "only repeats the name", [pizza(description="Order the pizza.", aliases=[])], [pizza()]),
    ("note description", "only repeats the name", [pizza(description="Order the pizza.")], [pizza()]),
    (
        "warning description",
        "fewer than 3 words",
        [pizza(description="Brings food.", aliases=[])],
        [pizza(description="Brings hot food home.", aliases=[])],
    ),
    (
        "warning description",
        "is that of order_pizza",
        [pizza(), timer(description="orders a pizza, to an address")],
        [pizza(), timer()],
    ),
    ("warning description", "has no description", [taking({"type": "string"})], [listing("ham", "olives")]),
    (
        "note description",
        "description only repeats",
        [text_named("note", "The note.")],
        [text_named("note", "What the cook should know")],
    ),
    (
        "error phrases",
        "is also one of order_pizza",
        [pizza(), timer(aliases=["Get me a pizza!"])],
        [pizza(), timer(aliases=["get me a timer"])],
    ),
    (
        "warning phrases",
        "is the name of order_pizza",
        [pizza(), timer(aliases=["order pizza"])],
        [pizza(), timer(aliases=["order silence"])],
    ),
    (
        "error phrases",
        "means order_pizza too",
        [pizza(examples=["pizza now"]), timer(examples=["Pizza, now!"])],
        [pizza(examples=["pizza now"]), timer(examples=["pizza is in the oven, count down"])],
    ),
    (
        "error phrases",
        "stands twice, with other calls",
        [pizza(examples=["pizza now", {"query": "pizza now", "calls": []}])],
        [pizza(examples=["pizza now", "pizza now"])],
    ),
    (
        "warning phrases",
        "has the words of set_timer",
        [pizza(examples=["start the kitchen countdown timer"]), timer()],
        [pizza(examples=["a pizza for the kitchen, the timer has run down"]), timer()],
    ),
    ("note phrases", "no function has examples or aliases", [pizza(aliases=[]), timer()], [pizza(), timer()]),
    ("warning enum", "codes", [listing("A1", "B2", "C3")], [listing("ham", "olives", "B2")]),
    (
        "warning enum",
        "codes",
        [listing("A1", "B2")],
        [listing("A1", "B2", **{"x-octo-synonyms": {"A1": ["ham"], "B2": ["olives"]}})],
    ),
    (
        "warning enum",
        "codes",
        [taking({"type": "array", "items": {"enum": ["A1", "B2"]}, "description": "Extra toppings"})],
        [taking({"type": "array", "items": {"enum": ["ham", "olives"]}, "description": "Extra toppings"})],
    ),
    ("warning enum", "too alike", [listing("high", "higher")], [listing("high", "low")]),
    ("warning enum", "more than 50 listed values", [listing(*LONG)], [listing(*LONG[:50])]),
    ("error unspoken", "no user ever says", [text_named("session_token")], [text_named("street")]),
    ("error unspoken", "no user ever says", [text_named("ref", format="uuid")], [text_named("ref", default="a")]),
    (
        "error unspoken",
        "no user ever says",
        [text_named("since", "Seconds of the Unix epoch")],
        [taking({"type": "string", "description": "Seconds of the Unix epoch"}, "since", required=False)],
    ),
    ("warning unspoken", "what it stands for", [text_named("customer_id")], [text_named("customer")]),
    ("warning unspoken", "what it stands for", [text_named("latitude")], [text_named("place")]),
    (
        "warning unspoken",
        "what it stands for",
        [text_named("limit", "Most results to return")],
        [text_named("limit", "How hot at most")],
    ),
    (
        "warning unspoken",
        "what it stands for",
        [text_named("customer_id")],
        [
            text_named("customer_id"),
            timer(name="find_customer", description="Finds a customer by name.", returns={"type": "string"}),
        ],
    ),
    (
        "warning unspoken",
        "plain text by its schema",
        [text_named("when", "ISO 8601, such as 2026-01-05")],
        [text_named("when", "ISO 8601, such as 2026-01-05", format="date")],
    ),
    (
        "warning data",
        "come in no training row",
        [taking({"enum": LONG[:50]}, "cup", required=False), pizza(name="order_soup", description="Brings soup.")],
        [taking({"enum": LONG[:20]}, "cup", required=False)],
    ),
    ("note data", "fewer than 3 training rows", [listing(*LONG[:30])], [listing(*LONG[:20])]),
    (
        "warning data",
        "fewer than 8 training rows",
        [
            pizza(
                parameters=obj(
                    {
                        f"with_{w}": {"type": "boolean"}
                        for w in "ham olives basil corn tuna egg rocket leek chili feta".split()
                    }
                )
            )
        ],
        [pizza(parameters=obj({f"with_{w}": {"type": "boolean"} for w in "ham olives basil".split()}))],
    ),
    (
        "warning schema",
        "cannot enforce 'uniqueItems'",
        [taking({"type": "array", "items": {"type": "string"}, "uniqueItems": True, "description": "Extra toppings"})],
        [taking({"type": "array", "items": {"type": "string"}, "maxItems": 3, "description": "Extra toppings"})],
    ),
    (
        "warning schema",
        "cannot enforce 'minProperties'",
        [pizza(parameters=obj({"address": TEXT}, minProperties=1))],
        [pizza()],
    ),
    ("warning schema", "more than 2 deep", [taking(DEEP)], [taking(FEWER)]),
    ("warning schema", "any keys", [taking({"type": "object"})], [taking(FEWER)]),
    (
        "warning schema",
        "list of objects",
        [taking({"type": "array", "items": obj({"name": {"type": "string"}})})],
        [taking({"type": "array", "items": {"type": "string"}})],
    ),
    (
        "warning schema",
        "array of anything",
        [taking({"type": "array"})],
        [taking({"type": "array", "items": {"type": "string"}})],
    ),
    ("warning schema", "no type", [taking({"description": "Anything at all"})], [taking({"const": 3})]),
    (
        "warning schema",
        "more than 8 parameters",
        [pizza(parameters=obj(NINE))],
        [pizza(parameters=obj(dict(islice(NINE.items(), 8))))],
    ),
    ("warning name", "says nothing", [pizza(name="handler1")], [pizza(name="pizza1")]),
    ("warning name", "says nothing", [pizza(name="post_v2_x")], [pizza(name="post_v2_pizza")]),
    (
        "note name",
        "a verb that octo knows",
        [pizza(name="pizza_stuff", description="The pizza at your home address.")],
        [pizza(name="pizza_stuff")],
    ),
    (
        "note name",
        "only its last word",
        [timer(name="alarm"), timer(name="alarm_off", description="Silences what rings.")],
        [timer(name="alarm"), timer(name="silence_alarm", description="Silences what rings.")],
    ),
]


@pytest.mark.parametrize(("kind", "says", "bad", "good"), CASES, ids=lambda v: v if isinstance(v, str) else "")
def test_a_rule_sees_what_it_is_for_and_passes_over_what_is_near(
    kind: str, says: str, bad: list[dict[str, Any]], good: list[dict[str, Any]]
) -> None:
    seen = [f for f in found_in(*bad) if says in f.what]
    assert [f"{f.severity} {f.rule}" for f in seen] == [kind], found_in(*bad)
    assert seen[0].mend and not seen[0].mend.endswith(".")
    assert not [f for f in found_in(*good) if says in f.what and f"{f.severity} {f.rule}" == kind]


def test_more_functions_than_one_small_model_learns() -> None:
    functions = [fun(f"order_{name.replace(' ', '_')}_{i}") for i in range(2) for name in LONG]
    assert any("112 functions are many" in f.what for f in found_in(*functions))
    assert not any("are many" in f.what for f in found_in(*functions[:100]))


@pytest.mark.parametrize(
    ("values", "about", "is_code"),
    [
        (["type_1", "type_2"], "pizza", True),
        (["OPT_A", "OPT_B"], "pizza", True),
        (["0x1f", "0x2a"], "pizza", True),
        (["3fa9", "77b1"], "pizza", True),
        (["en", "de", "fr"], "language", True),
        (["C", "F"], "unit", True),
        (["1", "2"], "order kind", True),
        ([0, 1, 2], "status", True),
        (["4", "6", "8"], "party size", False),
        ([15, 30, 60], "minutes", False),
        (["S", "M", "L"], "size", False),
        (["on", "up"], "state", False),
        (["720p", "1080p", "4k"], "resolution", False),
        (["temperature", "humidity", "co2"], "sensor", False),
        (["add", "bed", "cafe"], "scene", False),
        ([], "nothing", False),
    ],
)
def test_what_is_a_code(values: list[Any], about: str, is_code: bool) -> None:
    assert coded(values, about) == is_code


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("high", "higher", True),
        ("cancelled", "canceled", True),
        ("Front Door", "front_door", True),
        ("light", "lights", True),
        ("rear_left", "rear_right", False),
        ("inside", "outside", False),
        ("lock", "unlock", False),
        ("lights", "christmas_lights", False),
        ("channel 1", "channel 2", False),
        ("highest", "lowest", False),
    ],
)
def test_which_values_are_too_alike(one: str, other: str, alike: bool) -> None:
    assert too_alike(one, other) == alike


def test_words_and_stems() -> None:
    assert words_of("getPetsByID_v2-now") == ["get", "pets", "by", "id", "v2", "now"]
    assert words_of("天気") == ["天", "気"]
    for one, other in (
        ("orders", "order"),
        ("speeds", "speed"),
        ("cities", "city"),
        ("booked", "booking"),
        ("places", "place"),
        ("stopped", "stop"),
    ):
        assert stem(one) == stem(other)


# ---------------------------------------------------------------- functions that a person could not tell apart


def act(name: str, description: str, *parameters: str) -> dict[str, Any]:
    return {"name": name, "description": description, "parameters": obj({p: {"type": "string"} for p in parameters})}


CONFUSED = [
    (act("get_weather", "Gets the weather for a city.", "city"),
     act("get_forecast", "Gets the weather forecast for a city.", "city")),
    (act("get_weather", "Gets the current weather.", "location"),
     act("get_forecast", "Gets the forecast.", "location")),
    (act("search_restaurants", "Searches for restaurants near the user.", "query"),
     act("find_restaurants", "Finds restaurants nearby.", "query")),
    (act("delete_item", "Deletes an item from the list.", "item"),
     act("remove_item", "Removes an item from a list.", "item")),
    (act("get_order", "Returns the details of an order.", "order"),
     act("fetch_order_details", "Fetches order details.", "order")),
    (act("send_message", "Sends a message to a contact.", "to", "body"),
     act("send_text", "Sends a text message to someone.", "recipient", "text")),
    (act("cancel_order", "Cancels an order.", "order"), act("delete_order", "Deletes an order.", "order")),
    (act("create_event", "Creates an event in the calendar.", "title"),
     act("add_calendar_event", "Adds an event to the calendar.", "title")),
    (act("update_profile", "Updates the profile of the user.", "name"),
     act("modify_user_profile", "Modifies a user's profile.", "name")),
    (act("list_users", "Lists all users."), act("get_users", "Returns users.", "filter")),
    (act("turn_on_light", "Turns on the light in a room.", "room"),
     act("enable_light", "Switches a light on.", "room")),
    (act("create_user", "Creates a user.", "name"), act("create_user_v2", "Creates a user.", "name", "email")),
    (act("check_balance", "Checks the balance of the account.", "account"),
     act("get_account_balance", "Returns how much money is in an account.", "account")),
]  # fmt: skip

CLEAR = [
    (act("lock_door", "Locks a door.", "door"), act("unlock_door", "Unlocks a door.", "door")),
    (act("create_pet", "Creates a pet.", "name"), act("delete_pet", "Deletes a pet.", "name")),
    (act("play_music", "Plays music.", "device"), act("pause_music", "Pauses the music.", "device")),
    (act("get_volume", "Tells how loud the speaker is.", "room"),
     act("set_volume", "Sets how loud the speaker is.", "room")),
    (act("book_table", "Books a table at a restaurant.", "restaurant"),
     act("cancel_table", "Cancels a booked table at a restaurant.", "restaurant")),
    (act("start_timer", "Starts a timer.", "label"), act("stop_timer", "Stops a timer.", "label")),
    (act("take_photo", "Takes a photo.", "camera"), act("take_video", "Takes a video.", "camera")),
    (act("set_alarm", "Sets an alarm for a time of day.", "time", "label"),
     act("set_timer", "Starts a timer that counts down.", "duration", "label")),
    (act("send_email", "Sends an email to someone.", "to", "body"),
     act("send_text", "Sends a text message to someone.", "to", "body")),
    (act("play_music", "Plays a song.", "title"), act("play_video", "Plays a video.", "title")),
    (act("upload_file", "Uploads a file.", "file"), act("download_file", "Downloads a file.", "file")),
    (act("open_window", "Opens a window.", "room"), act("open_door", "Opens a door.", "room")),
    (act("list_pets", "Lists all pets.", "limit"), act("get_pet", "Shows one pet by its name.", "name")),
    (act("follow_user", "Follows a person.", "name"), act("unfollow_user", "Unfollows a person.", "name")),
]  # fmt: skip


def names_of(pair: Any) -> str:
    return "/".join(f["name"] for f in pair)


@pytest.mark.parametrize("pair", CONFUSED, ids=names_of)
def test_a_confusable_pair_is_named(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    seen = [f for f in found_in(*pair, pizza(), timer()) if f.rule == "confusable"]
    assert [(f.place, f.severity) for f in seen] == [(pair[0]["name"], "warning")]
    assert pair[1]["name"] in seen[0].what


@pytest.mark.parametrize("pair", CLEAR, ids=names_of)
def test_a_clear_pair_is_not(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    functions = [*pair, pizza()] if "set_timer" in names_of(pair) else [*pair, pizza(), timer()]
    assert not [f for f in found_in(*functions) if f.rule == "confusable"]


def test_many_copies_of_one_function_are_cut_short() -> None:
    copies = [act(f"get_weather_{i}", "Gets the weather for a city.", "city") for i in range(8)]
    seen = [f for f in found_in(*copies) if f.rule == "confusable"]
    assert len(seen) <= 11 and "18 more pairs" in " ".join(f.what for f in seen)


def test_without_a_book_words_are_compared_as_they_are() -> None:
    pair = spec_of(*CONFUSED[0], pizza())
    assert Likeness(pair, WordBook()).score(0, 1) > CONFUSABLE


# ---------------------------------------------------------------- the templates, the plan, the order


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.parent.name)
def test_templates_have_no_error_and_no_confusable_pair(path: Path) -> None:
    findings = review_spec(load_spec(path), DataPlan(60), BOOK)
    assert not [f for f in findings if f.severity == "error"]
    assert not [f for f in findings if f.rule in ("confusable", "phrases", "enum", "unspoken", "schema", "name")]
    assert sum(f.severity == "warning" for f in findings) <= 1


def test_the_share_of_rows_is_the_built_in_teachers() -> None:
    values = {"enum": ["small", "large"]}
    parameters = obj(
        {"address": TEXT, "size": values, "crust": {"enum": ["thin", "thick"]}, "cut": {"type": "boolean"}},
        ("address",),
    )
    spec = spec_of(pizza(parameters=parameters))
    stream = BuiltinTeacher(spec, 0).positives(spec.functions[0], "train")
    rows = [s for s in islice(stream, 600) if s.kind == "positive"]
    for parameter in spec.functions[0].params[1:]:
        share = sum(parameter.name in s.calls[0]["arguments"] for s in rows) / len(rows)
        assert share == pytest.approx(share_of(spec.functions[0], parameter), abs=0.1)


def test_the_mend_of_the_data_plan_is_enough() -> None:
    function = taking({"enum": LONG[:40]}, "cup", required=False)
    mend = next(f.mend for f in found_in(function) if f.rule == "data")
    enough = int(mend.partition("per_function = ")[2].split(",")[0])
    assert not [f for f in found_in(function, per_function=enough) if f.rule == "data"]
    assert [f for f in found_in(function, per_function=enough - 20) if f.rule == "data"]


def test_examples_count_as_rows() -> None:
    cups = LONG[:50]
    shown = [{"query": f"pizza in a {c}", "calls": [{"name": "order_pizza", "arguments": {"cup": c}}]} for c in cups]
    for examples, severity in ((shown, "note"), (shown[1:], "warning")):
        function = {**taking({"enum": cups}, "cup", required=False), "examples": examples}
        assert [f.severity for f in found_in(function) if f.rule == "data"] == [severity]


def test_equal_findings_are_one_and_the_worst_come_first() -> None:
    functions = [taking({"type": "string"}), text_named("session_token"), text_named("customer_id")]
    functions = [
        {**f, "name": name} for f, name in zip(functions, ("order_pizza", "set_timer", "find_book"), strict=True)
    ]
    functions.append({**taking({"type": "string"}, "y"), "name": "sing_song"})
    findings = found_in(*functions)
    assert [f.severity for f in findings] == sorted((f.severity for f in findings), key=SEVERITIES.index)
    undescribed = [f for f in findings if "has no description" in f.what]
    assert [(f.place, f.also) for f in undescribed] == [("order_pizza.x", ("sing_song.y",))]


def test_accepted_rows_count_where_they_are_verified(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p", settings='base = "any"')
    write_rows(project.samples_file, lamp_rows(24))
    assert not any("accepted far fewer" in f.what for f in review(project).findings)
    verify(project)
    few = [f for f in review(project).findings if "accepted far fewer" in f.what]
    assert [(f.place, f.also) for f in few] == [("set_lamp", ("play_song", "stop_music"))]
    (project.root / "octo.toml").write_text('base = "any"\nseed = 1\n')  # what was verified is of another plan
    assert not any("accepted far fewer" in f.what for f in review(open_project(project.root)).findings)


# ---------------------------------------------------------------- any spec

_words = st.sampled_from(["a", "session_id", "type_1", "A1", "high", "higher", "", "天気", "x.y", "ISO 8601", "\ud800"])
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | _words, lambda v: st.lists(v, max_size=3), max_leaves=4
)
_schemas = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(
                ["string", "integer", "number", "boolean", "array", "object", ["string", "null"], []]
            ),
            "enum": st.lists(_values, max_size=4),
            "const": _values,
            "format": _words | st.just("uuid"),
            "description": _words,
            "pattern": st.sampled_from(["^a", "[0-9a-f]{8}"]),
            "default": _values,
            "x-octo-synonyms": _values | st.dictionaries(_words, _values, max_size=2),
            "$ref": st.sampled_from(["#", "#/$defs/a", "#/$defs/b", "other.json", "#/$defs"]),
            "uniqueItems": st.booleans(),
        },
    )
    | st.booleans(),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["array", "object"]),
            "items": inner,
            "prefixItems": st.lists(inner, max_size=2),
            "properties": st.dictionaries(_words, inner, max_size=3),
            "required": st.lists(_words, max_size=2, unique=True),
            "additionalProperties": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "$defs": st.fixed_dictionaries({"a": inner, "b": inner}),
        },
    ),
    max_leaves=6,
)
_names = st.sampled_from(["get", "get_x", "handler1", "lamp_on", "lamp_off", "a", "_", "turn_on", "API"])
_specs = st.lists(
    st.fixed_dictionaries(
        {
            "name": _names,
            "description": st.sampled_from(["Gets it.", "x", ".", "天気を教える", "Turns on the lamp of a room"]),
        },
        optional={
            "parameters": st.fixed_dictionaries(
                {
                    "type": st.just("object"),
                    "properties": st.dictionaries(
                        st.sampled_from(["x", "session_id", "at", "$"]), _schemas, max_size=3
                    ),
                },
                optional={
                    "required": st.sampled_from([["x"], []]),
                    "$defs": st.fixed_dictionaries({"a": _schemas, "b": _schemas}),
                    "dependentRequired": st.just({"x": ["y"]}),
                },
            ),
            "returns": _schemas,
            "aliases": st.lists(st.sampled_from(["get x", "!", "turn on"]), max_size=2),
            "examples": st.lists(
                st.sampled_from(["hello", "turn on the lamp"])
                | st.fixed_dictionaries(
                    {
                        "query": st.sampled_from(["hello", ""]),
                        "calls": st.lists(
                            st.fixed_dictionaries({"name": _names}, optional={"arguments": _values}), max_size=2
                        ),
                    }
                ),
                max_size=2,
            ),
        },
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda f: f["name"],
)


@settings(max_examples=150, deadline=None)
@given(_specs, st.integers(1, 100), st.none() | st.dictionaries(_names, st.integers(0, 50)))
def test_any_spec_can_be_reviewed(functions: list[dict[str, Any]], rows: int, accepted: dict[str, int] | None) -> None:
    try:
        spec = parse_spec({"app": "any", "functions": functions})
    except BadInput:
        return
    findings = review_spec(spec, DataPlan(rows, accepted), BOOK)
    assert all(f.place and f.what and f.mend for f in findings)
    assert len({(f.rule, f.place, f.what, f.mend) for f in findings}) == len(findings)


def test_a_schema_in_circles_comes_to_an_end() -> None:
    tree = obj({"left": {"$ref": "#/$defs/t"}, "right": {"$ref": "#/$defs/t"}})
    function = pizza(parameters={**obj({"tree": {"$ref": "#/$defs/t"}}), "$defs": {"t": tree}})
    assert isinstance(found_in(function), tuple)


# ---------------------------------------------------------------- the door


def spec_file(folder: Path, *functions: dict[str, Any]) -> Path:
    path = folder / "api.json"
    path.write_text(json.dumps({"app": "tiny", "functions": list(functions)}))
    return path


def test_check_says_where_what_and_the_mend_and_strict_refuses(run: Any, tmp_path: Path) -> None:
    path = spec_file(tmp_path, taking({"type": "string"}), timer(aliases=["Get me a [red]pizza[/red]"]))
    code, out, err = run("check", "--spec", path)
    assert (code, err) == (0, "")
    assert "warning: order_pizza.x: the parameter has no description\n  → say in a few words" in out
    assert out.endswith("2 functions, 2 parameters: 1 warning\n")
    code, out, err = run("check", "--spec", path, "--strict")
    assert code == 3 and "warning: " in out
    assert err.splitlines()[0] == f"octo: {path}: 1 warning" and "Traceback" not in err


def test_strict_passes_a_spec_with_notes_alone(run: Any, tmp_path: Path) -> None:
    code, out, err = run("check", "--strict", "--spec", spec_file(tmp_path, pizza(aliases=[])))
    assert (code, err) == (0, "") and "note: the whole spec: no function has examples or aliases" in out


def test_data_is_never_read_as_markup(run: Any, tmp_path: Path) -> None:
    path = spec_file(tmp_path, pizza(aliases=["[red]cut[/]"]), timer(aliases=["[red]cut[/]"]))
    _, out, _ = run("check", "--spec", path)
    assert "the alias '[red]cut[/]' is also one of order_pizza" in out


def test_json_is_one_line_with_every_place(run: Any, tmp_path: Path) -> None:
    many = obj({f"slot{i}": {"type": "string"} for i in range(7)})
    path = spec_file(tmp_path, pizza(parameters=many))
    code, out, _ = run("check", "--spec", path, "--json")
    assert code == 0 and out.count("\n") == 1
    data = json.loads(out)
    first = next(f for f in data["findings"] if "no description" in f["what"])
    assert set(first) == {"severity", "rule", "place", "what", "mend", "also"}
    assert [first["place"], *first["also"]] == [f"order_pizza.slot{i}" for i in range(7)]
    assert (data["functions"], data["parameters"], data["errors"]) == (1, 7, 0)
    assert data["warnings"] == sum(f["severity"] == "warning" for f in data["findings"])
    assert "and 3 more: the parameter has no description" in run("check", "--spec", path)[1]
    code, out, err = run("check", "--spec", path, "--json", "--strict")
    assert code == 3 and json.loads(out) == data and err.startswith("octo: ")


def test_check_reads_the_project_and_its_plan(run: Any, tmp_path: Path) -> None:
    spec = {"app": "tiny", "functions": [listing(*LONG[:30])]}
    small = new_project(tmp_path / "small", spec, settings='base = "any"\n[synth]\nper_function = 10')
    large = new_project(tmp_path / "large", spec, settings='base = "any"\n[synth]\nper_function = 90')
    assert "come in no training row" in run("check", "-C", small.root)[1]
    assert run("check", "--strict", "-C", large.root)[1].endswith("1 function, 2 parameters: nothing to mend\n")
    assert "come in no training row" in run("check", "-C", small.root, "--spec", large.spec_file)[1]


def test_bad_input_is_one_line(run: Any, tmp_path: Path) -> None:
    code, out, err = run("check", "-C", tmp_path)
    assert (code, out) == (2, "") and "no octo project here" in err
    (tmp_path / "api.json").write_text("{")
    code, out, err = run("check", "--spec", tmp_path / "api.json")
    assert (code, out) == (2, "") and err.startswith("octo: ") and "api.json" in err
    assert run("check", "--spec", tmp_path / "none.json")[0] == 2


def test_the_review_changes_nothing(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p", settings='base = "any"')
    before = {p: p.read_bytes() for p in project.root.rglob("*") if p.is_file()}
    assert isinstance(review(project).findings, tuple) and isinstance(project.spec, Spec)
    assert {p: p.read_bytes() for p in project.root.rglob("*") if p.is_file()} == before

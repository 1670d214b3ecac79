"""Words to values: what people say comes back as the value that was meant."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from octocli.core.kinds import kind_of
from octocli.core.resolvers import resolve
from octocli.teachers.builtin.packs import language_of
from octocli.teachers.builtin.surfaces import clock_surfaces, surfaces

EN = language_of("en")

NOW = dt.datetime(2026, 11, 22, 14, 10)  # a Sunday
TIME = {"type": "string", "format": "time"}
DATE = {"type": "string", "format": "date"}
MOMENT = {"type": "string", "format": "date-time"}
PERCENT = {"type": "integer", "minimum": 0, "maximum": 100}
NUMBER = {"type": "number"}
COUNT = {"type": "integer"}
ISO_DURATION = {"type": "string", "format": "duration"}


@pytest.mark.parametrize(
    ("words", "now", "value"),
    [
        ("half past six", None, "18:30"),
        ("half past six", NOW, "18:30"),
        ("quarter to eight", None, "07:45"),
        ("quarter to eight", NOW, "19:45"),
        ("7pm", None, "19:00"),
        ("7 P.M.", None, "19:00"),
        ("7.30 in the evening", None, "19:30"),
        ("seven thirty am", None, "07:30"),
        ("noon", None, "12:00"),
        ("midnight", NOW, "00:00"),
        ("ten past midnight", None, "00:10"),
        ("quarter to noon", None, "11:45"),
        ("18:30", NOW, "18:30"),
        ("07:30", NOW, "07:30"),
        ("in 20 minutes", NOW, "14:30"),
        ("an hour from now", NOW, "15:10"),
        ("in 20 minutes", None, None),
        ("eight o'clock", None, "08:00"),
        ("8 oclock", NOW, "20:00"),
        ("tonight at 9", None, "21:00"),
        ("9 tonight", NOW, "21:00"),
        ("half six", None, "18:30"),
        ("six oh five", None, "18:05"),
        ("tomorrow at 7", NOW, "07:00"),
        ("six tomorrow morning", NOW, "06:00"),
        ("at twenty past 3", None, "15:20"),
        ("1830 hours", None, "18:30"),
        ("12 am", None, "00:00"),
        ("12 pm", None, "12:00"),
        ("25:00", None, None),
        ("7:75", None, None),
        ("soon", NOW, None),
        ("", NOW, None),
        ("the fourth", NOW, None),
    ],
)
def test_times(words, now, value):
    assert resolve(words, "time", TIME, now) == value


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("today", "2026-11-22"),
        ("tomorrow", "2026-11-23"),
        ("the day after tomorrow", "2026-11-24"),
        ("friday", "2026-11-27"),
        ("Sunday", "2026-11-29"),
        ("this friday", "2026-11-27"),
        ("next friday", "2026-11-27"),
        ("next sunday", "2026-11-29"),
        ("march 3rd", "2027-03-03"),
        ("March 3", "2027-03-03"),
        ("the 5th of june", "2027-06-05"),
        ("june the fifth", "2027-06-05"),
        ("december twenty first", "2026-12-21"),
        ("2026-12-01", "2026-12-01"),
        ("12/24/2026", "2026-12-24"),
        ("in three days", "2026-11-25"),
        ("in a week", "2026-11-29"),
        ("in two weeks' time", "2026-12-06"),
        ("3 march 2028", "2028-03-03"),
        ("the 15th", "2026-12-15"),
        ("christmas", "2026-12-25"),
        ("february 30", None),
        ("someday", None),
        ("in 3 hours", None),
    ],
)
def test_dates(words, value):
    assert resolve(words, "date", DATE, NOW) == value


@pytest.mark.parametrize("words", ["tomorrow", "friday", "march 3rd"])
def test_dates_that_need_a_clock_have_no_value_without_one(words):
    assert resolve(words, "date", DATE, None) is None


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("tomorrow at half past six pm", "2026-11-23T18:30:00"),
        ("friday 8pm", "2026-11-27T20:00:00"),
        ("8pm on friday", "2026-11-27T20:00:00"),
        ("tomorrow evening at 7", "2026-11-23T19:00:00"),
        ("at 9 am on march 3rd", "2027-03-03T09:00:00"),
        ("in 2 hours", "2026-11-22T16:10:00"),
        ("tonight at 9", "2026-11-22T21:00:00"),
        ("8am", "2026-11-23T08:00:00"),
        ("the 5th of june at noon", "2027-06-05T12:00:00"),
        ("2026-12-01T10:00", "2026-12-01T10:00:00"),
        ("tomorrow", None),
    ],
)
def test_moments(words, value):
    assert resolve(words, "start", MOMENT, NOW) == value


@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        ("an hour and a half", 90), ("90 minutes", 90), ("ten min", 10), ("half an hour", 30), ("2h", 120),
        ("1h30", 90), ("two hours thirty", 150), ("three quarters of an hour", 45), ("45", 45),
        ("one and a half hours", 90), ("a couple of hours", 120), ("two and a half hours", 150), ("a minute", 1),
        ("for 20 mins", 20), ("90 seconds", None), ("a while", None),
    ],
)  # fmt: skip
def test_durations_count_in_the_unit_of_the_parameter(words, minutes):
    assert resolve(words, "minutes", COUNT, None) == minutes


def test_a_duration_named_so_takes_its_unit_from_the_description():
    schema = {"type": "integer", "minimum": 1, "description": "Length of the timer in seconds"}
    assert resolve("ten minutes", "duration", schema, None) == 600


def test_iso_durations():
    assert resolve("an hour and a half", "length", ISO_DURATION, None) == "PT1H30M"
    assert resolve("45 seconds", "length", ISO_DURATION, None) == "PT45S"


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("seventy two", 72), ("seventy-two", 72), ("a hundred", 100), ("fifty percent", 50), ("40%", 40), ("half", 50),
        ("max", 100), ("a dozen", 12), ("to 20", 20), ("21.5", None), ("101", None), ("minus five", None),
        ("forty two people", 42), ("blue", None),
    ],
)  # fmt: skip
def test_numbers_within_bounds(words, value):
    assert resolve(words, "level", PERCENT, None) == value


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("twenty one point five", 21.5), ("two hundred and five", 205), ("three fifty", 350), ("one twenty", 120),
        ("twelve hundred", 1200), ("two thousand three hundred", 2300), ("minus five degrees", -5), ("1,200", 1200),
        ("two million", 2_000_000), ("half", 0.5), ("five six", None),
    ],
)  # fmt: skip
def test_numbers_in_words(words, value):
    assert resolve(words, "temperature", NUMBER, None) == value


@pytest.mark.parametrize(
    ("words", "value"),
    [("$12.50", 12.5), ("12 dollars and 50 cents", 12.5), ("twenty bucks", 20), ("fifty cents", 0.5), ("2k", 2000),
     ("two hundred euros", 200), ("five dollars fifty", 5.5), ("cheap", None)],
)  # fmt: skip
def test_money(words, value):
    assert resolve(words, "amount", NUMBER, None) == value


def test_phones():
    schema = {"type": "string"}
    assert resolve("555-123-4567", "phone", schema, None) == "5551234567"
    assert resolve("double five oh one two three", "phone_number", schema, None) == "550123"
    assert resolve("call me", "phone", schema, None) is None


def test_the_first_form_that_the_schema_takes_is_the_value():
    seconds = {"type": "string", "format": "time", "pattern": r"^\d\d:\d\d:\d\d$"}
    assert resolve("half past six pm", "time", seconds, None) == "18:30:00"


@given(st.integers(0, 23), st.integers(0, 59))
def test_every_unmistakable_surface_of_a_time_reads_back(hour, minute):
    value = f"{hour:02d}:{minute:02d}"
    said = [s for s in surfaces(value, "time", TIME, EN) if resolve(s, "time", TIME, None) == value]
    halves = [
        s for s in surfaces(value, "time", TIME, EN) if s.endswith(("am", "pm", "morning", "evening", "afternoon"))
    ]
    assert set(halves) <= set(said) and value in said


@given(st.integers(0, 23), st.integers(0, 59), st.datetimes(dt.datetime(2025, 1, 1), dt.datetime(2030, 1, 1)))
def test_a_bare_time_is_the_next_one_after_now(hour, minute, now):
    value = f"{hour:02d}:{minute:02d}"
    later = (now.replace(second=0, microsecond=0) + dt.timedelta(minutes=1)).replace(hour=hour, minute=minute)
    ahead = (later - now).total_seconds() % 86400
    for words in clock_surfaces(value, "time", TIME, now, EN):
        if "tomorrow" not in words and "in" not in words.split() and 0 < ahead < 12 * 3600 - 60 and hour:
            assert resolve(words, "time", TIME, now) == value, words


@given(st.integers(0, 400), st.dates(dt.date(2025, 1, 1), dt.date(2030, 1, 1)))
@example(213, dt.date(2027, 7, 31))  # the 29th of February of the next year
def test_days_seen_from_the_clock_read_back(ahead, today):
    now = dt.datetime.combine(today, dt.time(9))
    value = (today + dt.timedelta(days=ahead)).isoformat()
    for words in surfaces(value, "date", DATE, EN):
        assert resolve(words, "date", DATE, now) == value, words
    if ahead < 360:
        said = clock_surfaces(value, "date", DATE, now, EN)
        assert any(resolve(words, "date", DATE, now) == value for words in said)


@given(st.integers(1, 200))
def test_minutes_read_back(minutes):
    for words in surfaces(minutes, "minutes", COUNT, EN):
        assert resolve(words, "minutes", COUNT, None) == minutes, words


@given(st.integers(-999_999, 999_999))
def test_integers_read_back(number):
    for words in surfaces(number, "count", COUNT, EN):
        assert resolve(words, "count", COUNT, None) == number, words


@given(st.integers(1, 20_000), st.booleans())
def test_money_reads_back(amount, cents):
    value = amount + 0.75 if cents else amount
    for words in surfaces(value, "price", NUMBER, EN):
        assert resolve(words, "price", NUMBER, None) == value, words


@given(st.text(max_size=60))
def test_any_text_has_a_value_or_none(text):
    for name, schema in (("time", TIME), ("date", DATE), ("start", MOMENT), ("minutes", COUNT), ("level", PERCENT)):
        resolve(text, name, schema, NOW)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("min_rating", "integer"), ("min", "integer"), ("wait_min", "duration"), ("minutes", "duration")],
)
def test_a_least_value_is_no_number_of_minutes(name: str, kind: str) -> None:
    assert kind_of(name, {"type": "integer"}) == kind


def test_another_language_is_asked_only_where_the_apps_own_reads_nothing() -> None:
    few = {"type": "integer", "maximum": 5000}
    assert resolve("10,000", "amount", few, None) is None  # ten in German; but English has read it
    assert resolve("zehn", "amount", few, None) == 10
    money = {"type": "number", "description": "price in euros"}
    assert resolve("1.500", "amount", money, None) == 1.5
    assert resolve("1.500", "amount", money, None, "de") == 1500
    assert resolve("ten", "amount", few, None, "de") == 10


@pytest.mark.parametrize(
    ("words", "schema", "value"),
    [
        ("hundert", {"type": "integer", "minimum": 0, "maximum": 255}, 100),
        ("maximal", {"type": "integer", "minimum": 0, "maximum": 255}, 255),
        ("quatscheinhalb", {"type": "number"}, None),
        ("dreieinhalb", {"type": "number"}, 3.5),
        ("zehn nach null", {"type": "string", "format": "time"}, "00:10"),
        ("zehn nach zwölf", {"type": "string", "format": "time"}, "12:10"),
        ("in einer halben Stunde", {"type": "string", "format": "time"}, "09:30"),
    ],
)
def test_german_numbers_and_times(words: str, schema: dict[str, Any], value: Any) -> None:
    name = "time" if "format" in schema else "level"
    assert resolve(words, name, schema, dt.datetime(2026, 11, 23, 9, 0), "de") == value


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        (r"^([01][0-9]|2[0-3]):[0-5][0-9]$", "time"),
        (r"^\d{2}:\d{2}$", "time"),
        (r"^\d{4}-\d{2}-\d{2}$", "date"),
        (r"^\d{2}:\d{2}:\d{2}$", "text"),
        (r"^[A-Z]{2}\d+$", "text"),
        (r".*", "text"),
        (r"[0-9:-]+", "text"),
        (r"(", "text"),
    ],
)
def test_a_pattern_of_times_or_dates_says_the_kind(pattern, kind):
    assert kind_of("at", {"type": "string", "pattern": pattern}) == kind


def test_what_a_pattern_takes_for_a_time_is_what_octo_writes():
    schema = {"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$"}
    assert resolve("half past nine in the morning", "at", schema, NOW) == "09:30"


@pytest.mark.parametrize(
    ("name", "kind"), [("amount", "money"), ("amount_grams", "integer"), ("amount_ml", "integer"), ("tip", "money")]
)
def test_an_amount_of_a_measure_is_a_number(name: str, kind: str) -> None:
    assert kind_of(name, {"type": "integer"}) == kind


def test_a_pattern_of_two_parts_is_no_time_of_day_where_the_name_says_so() -> None:
    clock = {"type": "string", "pattern": r"^\d{2}:\d{2}$"}
    assert kind_of("start", clock) == "time"
    assert [kind_of(name, clock) for name in ("duration", "pace", "final_score")] == ["text"] * 3

"""Copied values exchanged between samples: what changes, what stays, and that the calls still fit the query."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_projects import fun, obj, spec_of

from octocli.core.copying import copied_parameters, stands_in
from octocli.core.samples import Sample
from octocli.core.splits import normal
from octocli.core.value_swaps import ValueSwaps

SPEC = spec_of(
    fun(
        "play",
        obj(
            {
                "title": {"type": "string"},
                "artist": {"type": "string"},
                "room": {"enum": ["den", "hall"]},
                "count": {"type": "integer"},
                "tags": {"type": "array"},
            }
        ),
    ),
    fun("wake", obj({"time": {"type": "string", "format": "time"}, "label": {"type": "string", "default": "alarm"}})),
)


def sample(query: str, name: str, said: dict[str, str] | None = None, **arguments: object) -> Sample:
    return Sample(query, ({"name": name, "arguments": arguments},), said=said or {})


SONGS = [
    sample("play Yesterday by The Beatles", "play", title="Yesterday", artist="The Beatles"),
    sample("put on Wuthering Heights in the den", "play", title="Wuthering Heights", room="den"),
    sample("some Nina Simone", "play", artist="Nina Simone"),
]


def swapped(samples: list[Sample], chosen: Sample, share: float = 1.0, times: int = 40) -> list[Sample]:
    swaps = ValueSwaps(samples, SPEC, copied_parameters(samples, SPEC))
    rng = random.Random(0)
    return [swaps.again(chosen, share, rng) for _ in range(times)]


def test_values_come_from_other_samples_of_the_same_parameter() -> None:
    found = swapped(SONGS, SONGS[0])
    titles, artists = ("Yesterday", "Wuthering Heights"), ("The Beatles", "Nina Simone")
    assert {s.query for s in found} == {f"play {title} by {artist}" for title in titles for artist in artists}
    for s in found:
        arguments = s.calls[0]["arguments"]
        assert s.query == f"play {arguments['title']} by {arguments['artist']}"
    assert SONGS[0].calls[0]["arguments"] == {"title": "Yesterday", "artist": "The Beatles"}, "the original moved"


def test_an_enum_keeps_its_value_and_a_sample_without_calls_its_words() -> None:
    assert all(s.calls[0]["arguments"]["room"] == "den" for s in swapped(SONGS, SONGS[1]))
    idle = Sample("is Yesterday a good song", ())
    assert swapped([*SONGS, idle], idle, times=5) == [idle] * 5


@pytest.mark.parametrize(
    "still",
    [
        sample("play One by One", "play", title="One", artist="One"),
        sample("play Hey Hey", "play", title="Hey"),
        sample("play yesterday, I mean Yesterday", "play", title="Yesterday"),
        sample("play the song of the den", "play", title="the song of the den", room="den"),
        sample("play take 5 now", "play", title="take 5", count=5),
        sample("play Chill Jazz", "play", title="Chill Jazz", tags=["Jazz"]),
        sample("wake me up at seven", "wake", {"/0/arguments/time": "at seven"}, time="07:00", label="up at seven"),
        sample("wake me at seven", "wake", {"/0/arguments/time": "seven"}, time="07:00"),
        sample("an alarm", "wake", label="alarm"),
    ],
    ids=[
        "two arguments in one place",
        "a value that stands twice",
        "twice, in another letter case",
        "an enum inside",
        "a number inside",
        "a list inside",
        "a resolver's words inside",
        "a resolver's words",
        "a default",
    ],
)
def test_what_cannot_be_exchanged_for_certain_stays(still: Sample) -> None:
    others = [*SONGS, sample("up at nine, Bob", "wake", {"/0/arguments/time": "nine"}, time="09:00", label="Bob")]
    assert swapped([*others, still], still, times=10) == [still] * 10


def test_no_swap_makes_a_query_that_is_taken() -> None:
    swaps = ValueSwaps(SONGS, SPEC, copied_parameters(SONGS, SPEC), frozenset({normal("some The Beatles")}))
    assert {swaps.again(SONGS[2], 1.0, random.Random(i)) == SONGS[2] for i in range(20)} == {True}


def test_a_parameter_that_some_sample_words_otherwise_stays() -> None:
    samples = [*SONGS, sample("that song of the submarine", "play", title="Yellow Submarine")]
    assert all(s.calls[0]["arguments"]["title"] == "Yesterday" for s in swapped(samples, samples[0]))


def test_no_share_changes_nothing_and_half_changes_some() -> None:
    assert swapped(SONGS, SONGS[0], share=0.0) == [SONGS[0]] * 40
    changed = sum(s != SONGS[0] for s in swapped(SONGS, SONGS[0], share=0.5, times=400))
    assert 120 < changed < 240  # 1 - (3/4)^2 of 400 is 175: half are drawn, half of those draw their own value again


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_every_value_still_stands_in_its_query(parts: list[tuple[str, str, str, str]], rng: random.Random) -> None:
    """Whatever signs the queries are made of."""
    samples = [sample(f"{a}{title}{b}{artist}", "play", title=title, artist=artist) for a, title, b, artist in parts]
    samples = [s for s in samples if all(stands_in(v, s.query) for v in s.calls[0]["arguments"].values())]
    swaps = ValueSwaps(samples, SPEC, copied_parameters(samples, SPEC))
    for s in samples:
        again = swaps.again(s, 1.0, rng)
        assert set(again.calls[0]["arguments"]) == {"title", "artist"}
        assert all(stands_in(value, again.query) for value in again.calls[0]["arguments"].values())

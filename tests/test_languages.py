"""Language packs: each has what English has, and what the German one writes is German, whole and read back."""

import datetime as dt
import itertools
import json
import random
import re
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import pytest

from octocli.core.config import SynthSettings
from octocli.core.errors import BadInput
from octocli.core.project import open_project
from octocli.core.resolvers import resolve
from octocli.core.samples import Split
from octocli.core.spec import load_spec, parse_spec
from octocli.core.splits import bucket_of
from octocli.core.tokens import assign_tokens
from octocli.stages.checks import first_reason
from octocli.stages.scaffold import scaffold
from octocli.stages.synthesize import synthesize
from octocli.stages.verify import verify
from octocli.teachers.builtin import BuiltinTeacher
from octocli.teachers.builtin.german.descriptions import read_description
from octocli.teachers.builtin.german.nouns import gender, with_definite, with_indefinite
from octocli.teachers.builtin.german.spoken import number_words
from octocli.teachers.builtin.german.verbs import Verb, imperatives, realised, split_verb
from octocli.teachers.builtin.lexicon import WORDS
from octocli.teachers.builtin.packs import GRAMMARS, language_of
from octocli.teachers.wording import Task, request_of

ROOT = Path(__file__).parents[1]
GERMAN = load_spec(ROOT / "templates" / "smart-home-de" / "api.json")
DE, EN = language_of("de"), language_of("en")
TIME = {"type": "string", "format": "time"}
DATE = {"type": "string", "format": "date"}
NOW = dt.datetime(2026, 3, 4, 15, 20)

# Keys that belong to a grammar, which is code of each language's own: articles and -ing in English, genders in German.
OWN_KEYS = {
    "verbs.json": {"en": {"irregular_gerund", "doubling", "particles"},
                   "de": {"imperative", "third_person", "parts", "whole"}},
    "nouns.json": {"en": {"fillers", "uncountable", "vague", "pronouns", "only_where", "determiners", "about_another"},
                   "de": {"genders", "generic"}},
    # Articles are dropped in English as people type; German text without them is a telegram's.
    "noise.json": {"en": {"articles"}, "de": set()},
    # A German question frame asks for a case; "when" is asked of no compound. German articles and adjectives have
    # endings, and its prepositions a case: they are put in by its own grammar, or not yet.
    "patterns.json": {"en": {"its_day", "pointed", "of_one", "adjective", "prepositions"}, "de": set()},
    # Every pack has its own listed words, named by the identifiers that its specs use.
    "enums.json": None,
}  # fmt: skip


def test_every_language_has_a_folder_and_every_folder_a_grammar() -> None:
    assert {folder.name for folder in WORDS.iterdir() if folder.is_dir()} == set(GRAMMARS)


@pytest.mark.parametrize("code", sorted(set(GRAMMARS) - {"en"}))
def test_a_pack_has_the_files_and_the_keys_of_english(code: str) -> None:
    names = {file.name for file in (WORDS / "en").iterdir()}
    assert {file.name for file in (WORDS / code).iterdir()} == names
    for name in sorted(n for n in names if n.endswith(".json")):
        own = OWN_KEYS.get(name, {})
        if own is None:
            continue
        here, there = (set(json.loads((WORDS / c / name).read_text(encoding="utf-8"))) for c in (code, "en"))
        assert here - own.get(code, set()) == there - own.get("en", set()), name
    words = language_of(code).words
    assert set(words.frames) == set(EN.words.frames)


@pytest.mark.parametrize("code", sorted(GRAMMARS))
def test_a_pack_names_only_what_it_has(code: str) -> None:
    book = language_of(code).words
    roles = {e["role"] for e in book.roles} | {name for e in book.roles for name in e.get("also", ())}
    assert {role for c in book.constructs for role in c.roles} <= roles
    assert {e["pool"] for e in book.roles if "pool" in e} - {"phone"} <= set(book.pools)
    drawn = {n for vs in book.pools.values() for v in vs for n in re.findall(r"\{(\w+)\}", v)}
    assert drawn <= set(book.pools) | set(book.topics)
    told = " ".join([*book.chat, *(s for stub in book.stubs for s in stub.says)])
    assert set(re.findall(r"\{(\w+)\}", told)) <= set(book.topics)


def test_an_unknown_language_is_refused_by_name(tmp_path: Path) -> None:
    scaffold(tmp_path / "home", template="smart-home")
    settings = tmp_path / "home" / "octo.toml"
    settings.write_text(settings.read_text().replace("[synth]", '[synth]\nlanguage = "tlh"'))
    with pytest.raises(BadInput, match=r"synth\.language: no language pack 'tlh'") as refused:
        synthesize(open_project(tmp_path / "home"))
    assert "de, en" in str(refused.value.hint)


def test_the_setting_reaches_positives_and_negatives(tmp_path: Path) -> None:
    scaffold(tmp_path / "home", template="smart-home-de")
    project = open_project(tmp_path / "home")
    assert project.config.synth.language == "de"
    synthesize(project, per_function=12)
    report = verify(project)
    assert set(report.by_function) - {"none"} == {f.name for f in project.spec.functions}
    assert report.leaks == {"text": 0, "skeleton": 0, "value": 0, "near": 0}
    assert sum(report.reasons.values()) <= 0.03 * sum(report.accepted.values()), report.reasons
    assert not _english(line["query"] for line in map(json.loads, project.samples_file.read_text().splitlines()))


def test_an_english_project_does_not_name_its_language(tmp_path: Path) -> None:
    scaffold(tmp_path / "home", template="smart-home")
    assert "language" not in (tmp_path / "home" / "octo.toml").read_text()
    assert SynthSettings().language == "en"


def _english(queries: Iterable[str]) -> Counter[str]:
    """English words that no German sentence has, but in the titles of songs."""
    words = set("please turn switch could would off with your into what how which where".split())
    return Counter(w for q in queries for w in re.findall(r"[a-z]+", q.lower()) if w in words)


@pytest.mark.parametrize("function", [f.name for f in GERMAN.functions])
@pytest.mark.parametrize("split", ["train", "test"])
def test_german_requests_are_whole_and_hold(function: str, split: str) -> None:
    tokens = assign_tokens(GERMAN)
    rows = list(itertools.islice(BuiltinTeacher(GERMAN, 4, "de").positives(GERMAN.by_name[function], split), 150))
    assert len({s.query for s in rows}) >= 100
    for sample in rows:
        assert not re.search(r"[\[\]{}|]|\bNone\b", sample.query), sample.query
        assert "  " not in sample.query and not re.search(r"\b(?:in|zu|von|an) dem\b", sample.query), sample.query
    # Its noise may spoil the one word that shows a state; nothing else may be lost.
    lost = [s for s in rows if first_reason(s, GERMAN, tokens, DE)]
    assert len(lost) <= 0.04 * len(rows), [s.query for s in lost]


@pytest.mark.parametrize("function", [f.name for f in GERMAN.functions])
def test_every_german_head_is_made_of_known_words_and_slots(function: str) -> None:
    phrasing = DE.phrasing(GERMAN.by_name[function], GERMAN.functions)
    params = {p.name for p in GERMAN.by_name[function].params}
    assert len({h.form for h in phrasing.heads}) > 1 and len(phrasing.heads) >= 10
    for head in phrasing.heads:
        slots = {m.split("|")[0] for m in re.findall(r"\{([^{}]*)\}", head.text)}
        assert slots == head.uses <= params, head
        assert not _english([head.text]), head


@pytest.mark.parametrize("kind", BuiltinTeacher.negative_kinds)
def test_german_negatives_are_german_and_keep_to_their_side(kind: str) -> None:
    teacher = BuiltinTeacher(GERMAN, 2, "de")
    sides: tuple[Split, ...] = ("train", "test")
    for split in sides:
        rows = list(itertools.islice(teacher.negatives(kind, split), 80))
        assert len({s.query for s in rows}) >= 40 and all(s.calls == () for s in rows)
        assert all(bucket_of(s.skeleton or "") == split for s in rows)
        assert not _english(s.query for s in rows)
        assert not [s.query for s in rows if re.search(r"[\[\]{}|]", s.query)]


@pytest.mark.parametrize(
    ("clause", "form", "said"),
    [
        ("[aus|schalten] das Licht im Bad", "infinitive", "das Licht im Bad ausschalten"),
        ("[aus|schalten] das Licht im Bad", "zu", "das Licht im Bad auszuschalten"),
        ("[aus|schalten] das Licht im Bad", "formal", "schalten Sie das Licht im Bad aus"),
        ("[öffnen] die Tür", "imperative", "öffne die Tür"),
        ("[lesen] mir die Werte", "imperative", "lies mir die Werte"),
        ("[ein|schalten] das Licht[] und [stellen] die Heizung auf 20", "infinitive",
         "das Licht einschalten und die Heizung auf 20 stellen"),
    ],
)  # fmt: skip
def test_a_separable_verb_stands_where_german_puts_it(clause: str, form: str, said: str) -> None:
    assert realised(clause, form, DE.words, random.Random(0)) == said


def test_imperatives_and_parts_of_verbs() -> None:
    assert set(imperatives(Verb("schalten", "aus"), DE.words)) == {"schalte", "schalt"}
    assert imperatives(Verb("starten"), DE.words) == ["starte"]
    assert set(imperatives(Verb("ändern"), DE.words)) == {"ändere", "änder"}
    assert "regle" in imperatives(Verb("regeln"), DE.words)
    assert split_verb("ausschalten", DE.words) == Verb("schalten", "aus")
    assert split_verb("antworten", DE.words) == Verb("antworten")


@pytest.mark.parametrize(
    ("description", "verb", "noun"),
    [
        ("Schaltet ein Gerät im Haus ein oder aus.", Verb("schalten", "ein"), "Gerät"),
        ("Stellt die Helligkeit des Lichts in Prozent ein.", Verb("stellen", "ein"), "Helligkeit des Lichts"),
        ("Verriegelt oder entriegelt eine Tür.", Verb("verriegeln"), "Tür"),
        ("Fährt die Rollläden auf eine Position.", Verb("fahren"), "Rollläden"),
        ("Ändert die Farbe des Lichts.", Verb("ändern"), "Farbe des Lichts"),
        ("Öffnet ein Fenster.", Verb("öffnen"), "Fenster"),
        ("Spielt Musik ab: ein Lied oder ein Album.", Verb("spielen", "ab"), "Musik"),
        ("Regelt die Lautstärke von Fernseher oder Box.", Verb("regeln"), "Lautstärke"),
    ],
)
def test_a_description_gives_verb_part_and_object(description: str, verb: Verb, noun: str) -> None:
    told = read_description(description, DE.words)
    assert told is not None and (told.verb, told.noun) == (verb, noun)


def test_a_spec_of_other_things_is_asked_for_in_german() -> None:
    """No word of this app stands in the pack: verb, part, object and case come from the description."""
    function = {
        "name": "water_bed",
        "description": "Gießt ein Beet im Garten.",
        "parameters": {"type": "object", "properties": {"minutes": {"type": "integer", "description": "Wie lange"}}},
        "aliases": ["Beet wässern"],
    }
    spec = parse_spec({"app": "garten", "functions": [function]})
    rows = list(itertools.islice(BuiltinTeacher(spec, 0, "de").positives(spec.functions[0], "train"), 120))
    said = " ".join(s.query.lower() for s in rows)
    assert "gieß" in said and "beet" in said and "wässern" in said and not _english(s.query for s in rows)


def test_articles_follow_gender_and_case() -> None:
    said = [with_definite(noun, "dat", DE.words) for noun in ("Küche", "Flur", "Kinderzimmer", "Lichter")]
    assert said == ["der Küche", "dem Flur", "dem Kinderzimmer", "den Lichtern"]
    assert with_definite("Timer", "acc", DE.words) == "den Timer"
    assert with_indefinite("Wecker", "acc", DE.words) == "einen Wecker"
    assert with_indefinite("Heizung", "dat", DE.words, "mein") == "meiner Heizung"
    assert gender("Gartenbeleuchtung", DE.words) == "f" and gender("Abwesend", DE.words) is None


def test_numbers_are_one_word_and_read_back() -> None:
    schema = {"type": "integer"}
    assert [number_words(n) for n in (1, 21, 77, 101, 2350)] == [
        "eins", "einundzwanzig", "siebenundsiebzig", "hunderteins", "zweitausenddreihundertfünfzig",
    ]  # fmt: skip
    for number in (*range(0, 121), 250, 999, 1000, 4711):
        assert resolve(number_words(number), "count", schema, None) == number


def test_times_are_spoken_and_read_back() -> None:
    for minute in range(0, 1440, 5):
        time = dt.time(minute // 60, minute % 60)
        said = DE.spoken.times(time)
        exact = [w for w in said if "Uhr" in w or ":" in w or re.search(r"(?:s|Mitternacht)$", w)]
        wrong = [w for w in exact if "Uhr" in w and resolve(w, "time", TIME, None) != f"{time:%H:%M}"]
        assert not wrong and len(said) >= 4, (time, wrong)
        open_half = DE.spoken.relative_times(time, NOW)
        read = [resolve(w, "time", TIME, NOW) for w in open_half]
        assert all(r is not None for r in read), (time, open_half)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("halb sieben abends", "18:30"), ("viertel nach acht morgens", "08:15"), ("14 Uhr 30", "14:30"),
        ("dreiviertel neun abends", "20:45"), ("fünf vor halb neun morgens", "08:25"), ("6.45 Uhr", "06:45"),
        ("sieben Uhr", "07:00"), ("zwoelf Uhr mittags", "12:00"), ("Mitternacht", "00:00"), ("um 22 Uhr", "22:00"),
        ("heute Abend um acht", "20:00"), ("morgen früh um sechs", "06:00"), ("in einer halben Stunde", None),
    ],
)  # fmt: skip
def test_german_times(words: str, value: str | None) -> None:
    assert resolve(words, "time", TIME, NOW) == (value or resolve(words, "time", TIME, NOW))


def test_dates_durations_and_money_are_spoken_and_read_back() -> None:
    for ahead in range(0, 40):
        day = NOW.date() + dt.timedelta(days=ahead)
        for words in DE.spoken.relative_dates(day, NOW.date()):
            # "nächsten Freitag" is the next week's: of two Fridays people name both so.
            if not words.startswith("nächste"):
                assert resolve(words, "date", DATE, NOW) == day.isoformat(), words
    for seconds in (30, 90, 300, 900, 1800, 2700, 3600, 5400, 9000, 7200, 86400):
        for words in DE.spoken.durations(Fraction(seconds)):
            assert resolve(words, "seconds", {"type": "integer"}, NOW) == seconds, words
    for amount in (1, 20, 12.5, 99.99):
        for words in DE.spoken.money(amount):
            assert resolve(words, "price", {"type": "number"}, NOW) == amount, words


def test_no_words_make_the_reader_stumble() -> None:
    """Decoding asks about every stretch of a query, whatever it says."""
    rng = random.Random(0)
    said_of_time = (
        "morgen heute um halb acht viertel vor nach uhr abend früh in drei tagen am 5. mai komma und eine stunde"
    )
    words = said_of_time.split()
    kinds = {"time": TIME, "date": DATE, "at": {"type": "string", "format": "date-time"}, "count": {"type": "integer"},
             "seconds": {"type": "integer"}, "price": {"type": "number"}, "phone": {"type": "string"}}  # fmt: skip
    for _ in range(3000):
        said = " ".join(rng.choices(words, k=rng.randint(1, 6)))
        for name, schema in kinds.items():
            resolve(said, name, schema, rng.choice((NOW, None)))
    assert resolve("acht Uhr morgen", "time", TIME, NOW) == "08:00"


def test_english_words_are_read_as_before() -> None:
    assert resolve("half past six", "time", TIME, dt.datetime(2026, 3, 4, 8)) == "18:30"
    assert resolve("1.5", "count", {"type": "number"}, None) == 1.5


def test_an_llm_is_asked_for_the_language() -> None:
    task = Task("none/chit-chat/train", "train", 0, kind="chit-chat", count=2)
    assert "German" in request_of(task, GERMAN, 0, language=DE.name).prompt
    assert "German" not in request_of(task, GERMAN, 0).prompt and "English" not in request_of(task, GERMAN, 0).prompt

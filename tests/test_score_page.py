"""The page shows the rates and the wrong answers, and what users typed stays text."""

from html.parser import HTMLParser

from octocli.core.scoring import Rate
from octocli.stages.score_page import score_page


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_rates_and_wrong_answers_and_runs_nothing() -> None:
    wrong = {"query": "<script>alert(1)</script>", "expected": [], "calls": [{"name": "f"}], "confidence": 0.5}
    page = score_page("home", [("All rows", {"strict": Rate(9, 10), "missing": Rate(0, 0)})], [wrong])
    read = _Text()
    read.feed(page)
    assert "script" not in read.tags
    assert "<script>alert(1)</script>" in read.text
    assert "90.0%" in read.text and "Wrong answers (1)" in read.text

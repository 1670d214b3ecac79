"""The wheel: it holds the templates, the word lists and the licence, and finds the templates where it lies."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow

_LIST_TEMPLATES = """
import sys
sys.path.insert(0, sys.argv[1])
import octocli
from octocli.stages.scaffold import templates
assert octocli.__file__.startswith(sys.argv[1]), octocli.__file__
for template in templates():
    assert str(template.folder).startswith(sys.argv[1]), template.folder
    print(template.name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "--wheel-dir", folder, ROOT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("octocli-*.whl"))


def test_wheel_holds_all_that_is_read_at_run_time(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in ((ROOT / "octocli", "octocli"), (ROOT / "templates", "octocli/templates")):
        wanted = {
            f"{inside}/{path.relative_to(folder).as_posix()}"
            for path in folder.rglob("*")
            if path.is_file() and path.suffix in (".py", ".json", ".txt", ".toml", ".jsonl")
        }
        assert wanted
        assert wanted <= names, wanted - names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top.split("-")[0] for top in tops} == {"octocli"}


def test_templates_are_found_in_an_unpacked_wheel(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", _LIST_TEMPLATES, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == sorted(path.parent.name for path in (ROOT / "templates").glob("*/template.json"))

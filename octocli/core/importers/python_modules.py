"""A Python module, by name or as a file -> operations: its own public functions.

The module is imported, so its code runs. What a function takes is read by `python_signatures.py`.
"""

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import docstring_parser

from octocli.core.errors import BadInput
from octocli.core.importers.functions import Operation
from octocli.core.importers.notes import Ledger, shown
from octocli.core.importers.python_signatures import read_signature

_MODULE_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_DATA_SUFFIXES = (".json", ".yaml", ".yml", ".xml", ".txt", ".toml", ".jsonl")


def is_module_name(source: str) -> bool:
    """Whether `source` can only be meant as the name of a module."""
    return bool(_MODULE_NAME.fullmatch(source)) and not source.lower().endswith(_DATA_SUFFIXES)


@contextmanager
def imported(source: str) -> Iterator[ModuleType]:
    """The module for as long as its annotations are read; the import path is as it was afterwards.

    Raises:
        BadInput: there is none, or its own code fails.
    """
    file = Path(source)
    as_file = source.endswith(".py")
    if as_file and not file.is_file():
        raise BadInput(f"{source}: no such file")
    before = list(sys.path)
    # As Python itself does: beside a script lie the modules that it imports, and a name is looked for from here.
    sys.path.insert(0, str(file.resolve().parent if as_file else Path.cwd()))
    try:
        yield _from_file(file) if as_file else _from_name(source)
    finally:
        sys.path[:] = before


def _from_name(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise BadInput(f"{name}: no such file, and no Python module of that name from here") from None
        raise _broken(name, error) from None
    except (Exception, SystemExit) as error:  # the user's own code: anything may come out of it
        raise _broken(name, error) from None


def _from_file(file: Path) -> ModuleType:
    name = f"_octo_spec_{re.sub(r'[^0-9A-Za-z_]', '_', file.stem)}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None, "a file that ends in .py has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and postponed annotations look their module up by name
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the user's own code: anything may come out of it
        del sys.modules[name]
        raise _broken(str(file), error) from None
    return module


def _broken(source: str, error: BaseException) -> BadInput:
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else _last_line(error, source)
    place = f"{source}:{line}" if line else source
    what = " ".join(str(error).split())
    return BadInput(f"{place}: cannot be imported: {type(error).__name__}: {what}", hint="octo runs the module's code")


def _last_line(error: BaseException, source: str) -> int | None:
    """The line of the file itself where the error came up, if it passed through it."""
    step, line = error.__traceback__, None
    while step is not None:
        if source.endswith(".py") and Path(step.tb_frame.f_code.co_filename).name == Path(source).name:
            line = step.tb_lineno
        step = step.tb_next
    return line


def python_operations(module: ModuleType, source: str, ledger: Ledger) -> Iterator[Operation]:
    """Yield the public functions that the module defines itself, in its own order.

    Raises:
        BadInput: there are none.
    """
    functions = dict(_functions(module))
    if not functions:
        raise BadInput(f"{source}: no public functions of its own", hint="a name that begins with _ is not public")
    for name, function in functions.items():
        yield _operation(name, function, ledger)


def _functions(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    named = getattr(module, "__all__", None)
    public = {name for name in named if isinstance(name, str)} if isinstance(named, (list, tuple)) else None
    for name, value in vars(module).items():
        own = inspect.isfunction(value) and value.__module__ == module.__name__
        if own and (name in public if public is not None else not name.startswith("_")):
            yield name, value


def _operation(name: str, function: Callable[..., Any], ledger: Ledger) -> Operation:
    text = inspect.getdoc(function) or ""
    try:
        words = docstring_parser.parse(text)
        description = "\n\n".join(filter(None, [words.short_description, words.long_description]))
        arguments = {part.arg_name: part.description or "" for part in words.params}
    except (docstring_parser.ParseError, ValueError, IndexError) as error:
        ledger.note("description", name, f"docstring of no known style ({shown(str(error))})", "its first paragraph")
        description, arguments = text.split("\n\n")[0], {}
    return Operation(name, name, description, lambda: read_signature(name, function, arguments, ledger))

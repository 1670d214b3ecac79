"""The app: all commands, and the one boundary where octo's errors become lines and exit codes.

Exit codes: 0 done, 1 something broke, 2 bad input, 3 a gate refused, 130 interrupted.
"""

import functools
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import typer

from octocli import __version__
from octocli.cli import (
    bases,
    build,
    chat,
    check,
    data,
    eval,
    export,
    grow,
    import_,
    init,
    merge,
    predict,
    rename,
    synth,
    train,
    verify,
)
from octocli.core.errors import Interrupted, OctoError

app = typer.Typer(
    name="octo",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

_COMMANDS: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("init", init.init_cli),
    ("check", check.check_cli),
    ("synth", synth.synth_cli),
    ("import", import_.import_cli),
    ("verify", verify.verify_cli),
    ("train", train.train_cli),
    ("eval", eval.eval_cli),
    ("rename", rename.rename_cli),
    ("grow", grow.grow_cli),
    ("merge", merge.merge_cli),
    ("export", export.export_cli),
    ("chat", chat.chat_cli),
    ("predict", predict.predict_cli),
    ("build", build.build_cli),
    ("bases", bases.bases_cli),
)


def _interruptible(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command, its Ctrl-C turned into an error of octo's: Typer would take it and say only "Aborted"."""

    @functools.wraps(command)
    def run_command(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except KeyboardInterrupt:
            raise Interrupted(
                "interrupted", hint="what is done is kept: the same command, without --force, goes on where it stopped"
            ) from None

    return run_command


for _name, _command in _COMMANDS:
    app.command(_name)(_interruptible(_command))


_data = typer.Typer(rich_markup_mode=None)
_data.callback(invoke_without_command=True)(_interruptible(data.data_cli))
for _name, _command in data.COMMANDS:
    _data.command(_name)(_interruptible(_command))
app.add_typer(_data, name="data")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"octo {__version__}")
        raise typer.Exit


@app.callback()
def octo(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Turn an app's API into a small on-device model that calls it.

    \b
    The journey:
      octo init doordash --spec api.json    a project from a spec (or --template smart-home)
      cd doordash
      octo build                            synth, verify, train, eval, export: what is missing or stale
      octo chat                             type, see the call
    """


def run() -> None:
    """The entry point of the script `octo`."""
    # Libraries speak of their own future; octo's users cannot act on it.
    warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        app(prog_name="octo")
    except OctoError as error:
        for line in error.message.splitlines():
            sys.stderr.write(f"octo: {line}\n")
        if error.hint:
            sys.stderr.write(f"  → {error.hint}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        sys.stderr.write(f"octo: {error.filename or 'a file'}: {error.strerror or error}\n")
        sys.exit(1)


if __name__ == "__main__":
    run()

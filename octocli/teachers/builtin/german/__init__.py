"""German, as the built-in teacher writes it: verbs that come apart, nouns with a gender, and how values are spoken."""

from octocli.teachers.builtin.german.grammar import German

__all__ = ["German"]

"""The built-in teacher: a phrase book and a grammar of requests, per language. Needs no model, network or key."""

from octocli.teachers.builtin.teacher import BuiltinTeacher

__all__ = ["BuiltinTeacher"]

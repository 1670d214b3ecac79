"""The built-in teacher: a phrase book and a grammar of requests, for each of its languages. Needs no model, no network and no key."""

from octocli.teachers.builtin.teacher import BuiltinTeacher

__all__ = ["BuiltinTeacher"]

"""Grading a class: the learner's code runs in a process that knows no answer, and another one judges."""

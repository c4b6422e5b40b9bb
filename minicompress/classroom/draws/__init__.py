"""Draw inputs from a random seed, with random shapes, for the functions that private.py names.

Where a function chooses between numbers (masks, roundings, ranks), these lie far apart: no rounding decides,
so that every right answer gives the same. What begins with `bad_` is refused by a ValueError. What begins
with `answer_` takes of a result what is to be compared.
"""

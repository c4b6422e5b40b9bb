"""Given and complete: stubs made from the solutions, and (from chapter 00 on) checking and grading."""

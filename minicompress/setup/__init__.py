"""What make does, without make: the environment, the commands of `python -m minicompress`, the doctor.

All of it runs before anything is installed: the standard library alone, and Python 3.9 can read it, so that
an old Python is told so.
"""

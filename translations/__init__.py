"""The course in other languages: gettext catalogues, and the pages that are made from them.

    python -m translations update   # after an English text has changed
    python -m translations check    # what is missing, out of date or damaged
    python -m translations write    # README.ko.md, docs/ko/ and notebooks/ko/ from the catalogues

Code, identifiers and the program's own messages stay English.
"""

"""`python -m minicompress`: everything that make does, without make and without a POSIX shell."""

import sys

from minicompress.setup.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

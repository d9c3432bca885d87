"""`python -m trader.entrypoints.cli` is the command `trader`."""

import sys

from trader.entrypoints.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""The worker's server with the broker's pace of 45 messages a second switched off, which no setting does."""

import sys

from trader.adapters.ib import pacer
from trader.entrypoints.serve import main

if __name__ == "__main__":
    pacer.MESSAGES = 1_000_000
    sys.exit(main())

"""`python -m otkit` is the same as `otkit`."""

import sys

from otkit.cli import main

if __name__ == "__main__":
    sys.exit(main())

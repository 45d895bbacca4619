"""`python -m dozo` is the command `dozo`."""

import sys

from dozo.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""``python -m lockgate``: the same as the command ``lockgate``."""

import sys

from lockgate.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

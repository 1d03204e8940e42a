"""`python -m digit_core`: see `digit_core.cli.main`."""

import sys

from digit_core.cli.main import main

sys.exit(main())

"""`python -m digit_core`: see `digit_core.cli`."""

import sys

from digit_core.cli import main

sys.exit(main())

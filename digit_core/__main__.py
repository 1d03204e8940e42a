"""`python -m digit_core`: see `digit_core.cli.main`."""

import sys

from digit_core.cli import stopping
from digit_core.cli.main import main

stopping.end_with_parent()
sys.exit(main())

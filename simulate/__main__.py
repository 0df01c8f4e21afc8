"""`python -m simulate`."""

import sys

from .command_line import main

sys.exit(main())

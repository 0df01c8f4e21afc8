"""`python -m derivations`."""

import io
import sys

from .command_line import main

if isinstance(sys.stdout, io.TextIOWrapper):
    # The statements are not ASCII: an output that cannot show a letter gets a question mark.
    sys.stdout.reconfigure(errors="replace")
sys.exit(main())

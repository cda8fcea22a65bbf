"""`python -m events`: the same as `tls-events`."""

import sys

from .cli import main

sys.exit(main())

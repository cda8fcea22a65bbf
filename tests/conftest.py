"""How the tests run: with the same examples of hypothesis each time, so that a failure is one for everybody; and
strictly, so that a compiled schema may give up only where the schema itself does.
"""

import os

os.environ.setdefault("TLSGRAMMAR_STRICT", "1")

from hypothesis import HealthCheck, settings

settings.register_profile(
    "tests",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("tests")

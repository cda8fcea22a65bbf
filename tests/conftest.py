"""How the tests run: with the same examples of hypothesis each time, so that a failure is one for everybody; strictly, so
that a compiled schema may give up only where the schema itself does; and with signals that do what they do, also where
the tests run in the background.
"""

import os
import signal

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

# A shell that starts something in the background, or nohup, has it ignore these; so would the processes of the tests.
for _name, _usual in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    _number = getattr(signal, _name, None)  # there is no SIGHUP on Windows
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)

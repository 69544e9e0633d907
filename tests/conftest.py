"""For all tests: signals act as they do in a terminal, however the tests were started (nohup, a background shell)."""

from __future__ import annotations

import signal

for _number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number is signal.SIGINT else signal.SIG_DFL)

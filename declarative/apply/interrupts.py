"""What Ctrl-C, a termination and a closed terminal do to an apply."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from declarative.apply.applier import Applier
from declarative.diagnostics import Diagnostic
from declarative.state.store import Lease


@contextmanager
def interruptible(applier: Applier, lease: Lease, on_interrupt: Callable[[], None]) -> Iterator[None]:
    """Once: begin nothing new. Twice: stop now; the state then knows what was under way.

    Signals are the main thread's: in another one, whoever started it decides what they do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    asked = False

    def interrupted() -> None:
        nonlocal asked
        if asked and task is not None:
            lease.hurry()
            task.cancel()
            return
        asked = True
        on_interrupt()
        applier.stop(Diagnostic("Not applied", "The interrupt came before this step began."))

    # What is ignored stays so: nohup asks for that.
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {one: found for one in numbers if (found := signal.getsignal(one)) is not signal.SIG_IGN}
    for one in before:
        loop.add_signal_handler(one, interrupted)
    try:
        yield
    finally:
        for one, handler in before.items():
            loop.remove_signal_handler(one)
            signal.signal(one, handler or signal.SIG_DFL)

"""In-flight batching with beam search: admission, planning (pure), the loop, the worker.

    Engine   submit, cancel, drain, close: what the rest of the service sees
    |- WaitingRoom   the bounded queue, the only state that threads share
    |  `- plan       who is admitted next
    `- Worker        drop, admit, advance, retire
       `- Lane       a running batch of sources of like width and beam

Threads and locks, no event loop: a client's future is a `concurrent.futures.Future`.
"""

from service.engine.engine import Engine
from service.engine.limits import EngineLimits
from service.engine.observer import EngineObserver, Unobserved

__all__ = ["Engine", "EngineLimits", "EngineObserver", "Unobserved"]

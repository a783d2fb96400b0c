"""The language detector, out of the way of all who do not ask it."""

import asyncio
from collections.abc import Callable, Sequence

from service.text.detect import CHARACTERS, Findings, LanguageDetector

# More is looked at in a thread, so that the event loop answers others meanwhile; below, the
# change of threads costs more than the work.
_FEW_TEXTS = 16
_FEW_CHARACTERS = 4_000


class Detecting:
    """Loads the detector in a thread when it is first asked. Owned by one event loop.

    Args:
        load: Makes the detector; may take a while.
    """

    def __init__(self, load: Callable[[], LanguageDetector]) -> None:
        self._load = load
        self._detector: LanguageDetector | None = None
        self._loading: asyncio.Task[LanguageDetector] | None = None

    async def study(self, texts: Sequence[str]) -> list[Findings]:
        """What one look at each text tells.

        Raises:
            Unavailable: The detector cannot be loaded. The next call tries again.
        """
        detector = self._detector or await self._loaded()
        samples = [text[:CHARACTERS] for text in texts]
        if len(samples) <= _FEW_TEXTS and sum(map(len, samples)) <= _FEW_CHARACTERS:
            return [detector.study(sample) for sample in samples]
        return await asyncio.to_thread(lambda: [detector.study(sample) for sample in samples])

    async def _loaded(self) -> LanguageDetector:
        """The detector, once it is there; all who wait for it wait for the same one."""
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self._load))
            self._loading.add_done_callback(self._keep)
        # Who asked first may leave; the others still wait.
        return await asyncio.shield(self._loading)

    def _keep(self, loading: asyncio.Task[LanguageDetector]) -> None:
        self._loading = None
        if not loading.cancelled() and loading.exception() is None:
            self._detector = loading.result()

"""Windows of texts side by side: all are answered, in order, and a slow one holds up few."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Cancelled
from service.pipeline import TextRequest
from service.pipeline.windows import Outcome, run_in_windows
from tests.pipeline.scenes import EN_DE


@dataclass
class Asked:
    """Answers each text with an error that says it; later windows first."""

    patience: int = 20
    windows: list[int] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def run_many(self, requests: Sequence[TextRequest]) -> list[Outcome]:
        self.windows.append(len(requests))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(self.patience - len(self.windows) % self.patience):
            await asyncio.sleep(0)
        self.at_once -= 1
        return [Cancelled(request.text) for request in requests]


@given(st.integers(0, 2000))
def test_every_text_is_answered_once_and_in_order(count: int) -> None:
    asked = Asked()
    taken: list[Outcome] = []
    requests = [TextRequest(str(number), EN_DE) for number in range(count)]
    asyncio.run(run_in_windows(asked, requests, taken.extend))
    assert [str(outcome) for outcome in taken] == [request.text for request in requests]
    assert asked.most_at_once == min(8, -(-count // 64))
    assert sum(asked.windows) == count


def test_a_slow_window_leaves_no_room_empty() -> None:
    async def run() -> None:
        others = asyncio.Event()

        class FirstWaits(Asked):
            async def run_many(self, requests: Sequence[TextRequest]) -> list[Outcome]:
                if requests[0].text == "0":
                    await others.wait()
                outcomes = await super().run_many(requests)
                if len(self.windows) == 31:
                    others.set()
                return outcomes

        taken: list[Outcome] = []
        requests = [TextRequest(str(number), EN_DE) for number in range(32 * 64)]
        await run_in_windows(FirstWaits(), requests, taken.extend)
        assert [str(outcome) for outcome in taken] == [request.text for request in requests]

    asyncio.run(run())


def test_what_is_raised_on_the_way_ends_it() -> None:
    asked = Asked()

    def refuse(outcomes: list[Outcome]) -> None:
        raise outcomes[0]  # type: ignore[misc]  # they are errors here

    requests = [TextRequest(str(number), EN_DE) for number in range(3000)]
    with pytest.raises(Cancelled, match=r"^0$"):
        asyncio.run(run_in_windows(asked, requests, refuse))
    assert len(asked.windows) < 46

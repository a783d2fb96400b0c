"""HTTP to engine and back with everything real but the network's weights."""

import threading
from collections.abc import Sequence

import pytest

from service.app import CatalogueFactory
from service.decoding.contract import BatchState
from service.domain import SearchOptions
from service.settings import Settings
from service.text.tokenizer import Tokenizer
from tests.api.real import translating_with
from tests.api.scraping import value
from tests.api.serving import PATIENCE_S, client_of, serving
from tests.fakes import TableModel, echo_table

SETTINGS = Settings(port=0, max_queue_sources=4)
TEXT = "Tom sees a house. Mary likes two cats!\n\n  - the dog bought keys, too.\n"


class StoppableModel(TableModel):
    """Repeats its source, and can be held while it encodes."""

    def __init__(self, vocabulary_size: int) -> None:
        super().__init__(echo_table(vocabulary_size))
        self.encoding = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def encode(
        self, sources: Sequence[Sequence[int]], options: Sequence[SearchOptions], slots: int
    ) -> BatchState:
        self.encoding.set()
        assert self.go_on.wait(PATIENCE_S)
        return super().encode(sources, options, slots)


@pytest.fixture
def model(tokenizer: Tokenizer) -> StoppableModel:
    return StoppableModel(tokenizer.vocabulary_size)


@pytest.fixture
def load(tokenizer: Tokenizer, model: StoppableModel) -> CatalogueFactory:
    return translating_with(model, tokenizer)


def test_a_text_comes_back_with_every_detail(load: CatalogueFactory) -> None:
    fields = {
        "q": [TEXT, ""],
        "source": "en",
        "target": "de",
        "return": ["scores", "tokens", "alignment"],
    }
    with serving(SETTINGS, load) as server, client_of(server) as client:
        answer = client.post("/translate", json=fields).json()
        ended = value(client, "seq2serve_finished_sources_total", model="shout-en-de", reason="end")

    assert answer["translatedText"] == [TEXT, ""]
    first, second = answer["details"]
    places = [sentence["source"] for sentence in first["sentences"]]
    assert [TEXT[place["start"] : place["end"]] for place in places] == [
        "Tom sees a house.",
        "Mary likes two cats!",
        "the dog bought keys, too.",
    ]
    [hypothesis] = first["sentences"][1]["hypotheses"]
    assert hypothesis["text"] == "Mary likes two cats!"
    assert hypothesis["alignment"]
    assert hypothesis["log_prob"] < 0
    assert second["sentences"] == []
    assert ended == 3


def test_a_full_queue_is_said_at_the_door(load: CatalogueFactory, model: StoppableModel) -> None:
    fields = {"source": "en", "target": "de"}
    model.go_on.clear()
    try:
        with serving(SETTINGS, load) as server, client_of(server) as client:
            too_many = client.post("/translate", json=fields | {"q": ["a house."] * 5})
            assert too_many.status_code == 413

            busy = threading.Thread(
                target=client.post,
                args=("/translate",),
                kwargs={"json": fields | {"q": ["a house."]}},
            )
            busy.start()
            assert model.encoding.wait(PATIENCE_S)
            waiting = threading.Thread(
                target=client.post,
                args=("/translate",),
                kwargs={"json": fields | {"q": ["a house."] * 4}},
            )
            waiting.start()
            while value(client, "seq2serve_queue_depth_sources", model="shout-en-de") != 4:
                pass
            refused = client.post("/translate", json=fields | {"q": "a house."})
            model.go_on.set()
            busy.join(PATIENCE_S)
            waiting.join(PATIENCE_S)
    finally:
        model.go_on.set()

    assert refused.status_code == 429
    assert refused.json()["code"] == "overloaded"
    assert int(refused.headers["retry-after"]) >= 1


def test_work_that_is_given_up_frees_the_queue(
    load: CatalogueFactory, model: StoppableModel
) -> None:
    fields = {"q": ["a house."] * 4, "source": "en", "target": "de", "timeout_s": 0.05}
    model.go_on.clear()
    try:
        with serving(SETTINGS, load) as server, client_of(server) as client:
            late = client.post("/translate", json=fields)
            while value(client, "seq2serve_queue_depth_sources", model="shout-en-de") != 0:
                pass
            model.go_on.set()
            again = client.post("/translate", json=fields | {"timeout_s": 20})
    finally:
        model.go_on.set()

    assert late.status_code == 504
    assert again.json() == {"translatedText": ["a house."] * 4}

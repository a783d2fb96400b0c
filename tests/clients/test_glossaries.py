"""DeepL's client with the glossaries that the server has."""

from collections.abc import Iterator
from pathlib import Path

import deepl
import pytest

from service.settings import Settings
from tests.api.fakes import TRANSLATOR, FakeModels, FakePipeline
from tests.api.serving import serving
from tests.api.test_terms import ABLE, FRENCH, obey


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[deepl.DeepLClient]:
    directory = tmp_path_factory.mktemp("glossaries")
    (directory / "company.en-de.tsv").write_text("cat\tKater\ndog\tHündin\n", "utf-8")
    settings = Settings(port=0, models_dir=Path("nowhere"), glossaries_dir=directory)
    first = TRANSLATOR.model_copy(update={"name": "a-model-without-terms"})
    models = FakeModels(translator=FakePipeline(obey), manifests=(first, ABLE, FRENCH))
    with serving(settings, models) as server:
        client = deepl.DeepLClient("any-key", server_url=server.url)
        yield client
        client.close()  # type: ignore[no-untyped-call]  # as the package has it


def test_they_are_listed_and_used(client: deepl.DeepLClient) -> None:
    [glossary] = client.list_glossaries()
    assert (glossary.name, glossary.source_lang, glossary.target_lang) == ("company", "EN", "DE")
    assert glossary.entry_count == 2
    for chosen in (glossary, glossary.glossary_id, "company"):
        result = client.translate_text("a cat", source_lang="EN", target_lang="DE", glossary=chosen)
        assert str(result) == "a Kater"


def test_one_for_another_direction_is_refused(client: deepl.DeepLClient) -> None:
    [glossary] = client.list_glossaries()
    for chosen in (glossary.glossary_id, "company", "nothing"):
        with pytest.raises(deepl.DeepLException, match="Not found, message: "):
            client.translate_text("a cat", source_lang="EN", target_lang="FR", glossary=chosen)

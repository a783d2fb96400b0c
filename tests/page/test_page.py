"""The page at / as people use it: typing, pointing, choosing, and when something fails."""

import re

import pytest
from playwright.sync_api import Route, expect

from service.domain import Direction
from service.errors import Overloaded
from service.pipeline.request import TextRequest
from service.pipeline.response import TextResponse
from tests.api.fakes import FakeModels, FakePipeline
from tests.api.serving import PATIENCE_S, Gate
from tests.page.conftest import Open
from tests.page.translator import backwards

pytestmark = pytest.mark.browser


@pytest.fixture
def translator(models: FakeModels) -> FakePipeline:
    """A translator of this test's own; the next one gets a new one."""
    models.translator._answering = backwards
    models.translator.hold = None
    models.translator.asked.clear()
    models.translator.cancelled = 0
    return models.translator


def test_typing_gives_a_translation(visit: Open, translator: FakePipeline) -> None:
    seen = visit()
    seen.page.locator("#source").press_sequentially("one two three")
    expect(seen.page.locator("#result")).to_have_text("THREE TWO ONE")
    assert translator.asked[-1].text == "one two three"
    assert len(translator.asked) < len("one two three"), "every key was a request of its own"
    expect(seen.page.locator("#count")).to_have_text(re.compile("^13 characters$|^13 of"))


def test_summarizing_has_an_address_of_its_own(visit: Open) -> None:
    page = visit().page
    page.get_by_role("link", name="Summarize").click()
    page.fill("#source", "a b c d e f g h i j")
    expect(page.locator("#result")).to_have_text("a b c d e f g h")
    expect(page.locator("#speed")).to_contain_text("from the first 1 of 2 sentences")
    expect(page.locator("#source-language")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("link", name="Summarize")).to_have_attribute("aria-current", "page")


def test_a_new_text_leaves_the_old_one_unanswered(visit: Open, translator: FakePipeline) -> None:
    seen = visit()
    gate = Gate()
    translator.hold = gate
    seen.page.fill("#source", "old words")
    assert gate.reached.wait(PATIENCE_S)
    translator.hold = None
    seen.write("new words")
    expect(seen.page.locator("#result")).to_have_text("WORDS NEW")
    assert gate.left.wait(PATIENCE_S), "the server still works for nobody"
    assert translator.cancelled == 1


@pytest.mark.parametrize("text", ["one two three", "🎉 one 👩‍👩‍👧 two\n\n🇩🇪 x three"])
def test_words_light_up_together(visit: Open, text: str) -> None:
    seen = visit()
    seen.write(text)

    seen.word("#result", "TWO").hover()
    assert seen.lit("#result") == {"TWO": "this"}
    assert seen.lit("#mirror") == {"two": "partner"} | (
        {"three": "partner"} if "🎉" not in text else {}
    )
    expect(seen.page.locator("#about-word")).to_contain_text("TWO looked at two (80 %)")
    expect(seen.page.locator("#about-word")).to_contain_text("99 % sure")

    seen.page.mouse.move(0, 0)
    assert seen.lit("#result") == {}

    # The source is a textarea; its words are found by the place of the pointer.
    box = seen.word("#mirror", "three").bounding_box()
    assert box is not None
    seen.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert seen.lit("#mirror") == {"three": "this"}
    assert seen.lit("#result")["THREE"] == "partner"


def test_words_light_up_from_the_keyboard(visit: Open) -> None:
    seen = visit()
    seen.write("one two three")
    result = seen.page.locator("#result")

    result.press("ArrowRight")
    assert seen.lit("#result") == {"THREE": "this"}
    result.press("End")
    assert (seen.lit("#result"), seen.lit("#mirror")) == (
        {"ONE": "this"},
        {"one": "partner", "two": "partner"},
    )
    result.press("ArrowLeft")
    assert seen.lit("#result") == {"TWO": "this"}
    result.press("Escape")
    assert seen.lit("#result") == {}

    seen.page.locator("#source").press("Control+Home")
    assert seen.lit("#mirror") == {"one": "this"}


def test_the_heat_map_is_a_table_with_every_weight(visit: Open) -> None:
    seen = visit()
    seen.write("one two three\nfour five")
    table = seen.page.get_by_role("region", name="Where each word looked").get_by_role("table")

    assert table.get_by_role("columnheader").all_text_contents() == ["one", "two", "three"]
    assert table.get_by_role("rowheader").all_text_contents() == ["THREE", "TWO", "ONE"]
    cells = [row.locator("td").all_text_contents() for row in table.locator("tbody tr").all()]
    assert cells == [["", "", "80"], ["", "80", "15"], ["80", "15", ""]]

    seen.page.get_by_label("Sentence").select_option("1")
    assert table.get_by_role("rowheader").all_text_contents() == ["FIVE", "FOUR"]
    seen.word("#result", "TWO").hover()  # pointing at a word brings its sentence
    lit = seen.page.locator(".heatmap [data-lit]")
    assert lit.all_text_contents() == ["", "80", "15"]


def test_what_is_unsure_is_shaded(visit: Open) -> None:
    seen = visit()
    seen.write("one quite two")
    assert seen.word("#result", "QUITE").get_attribute("data-doubt") == "3"
    assert seen.word("#result", "ONE").get_attribute("data-doubt") is None
    line = "e => getComputedStyle(e).textDecorationLine"
    assert seen.word("#result", "QUITE").evaluate(line) == "underline"
    seen.page.get_by_label("Shade what is unsure").uncheck()
    assert seen.word("#result", "QUITE").evaluate(line) == "none"


def test_what_the_guard_sees_is_said(visit: Open) -> None:
    seen = visit()
    notes = seen.page.get_by_role("list", name="To look at twice")
    seen.write("one two\nfor 2 days")
    expect(notes.get_by_role("listitem")).to_have_text(["Sentence 2 has lost a number."])
    seen.write("one two\nfor two days")
    expect(notes).to_be_hidden()


def test_each_sentence_says_how_good_it_can_be_expected_to_be(visit: Open) -> None:
    seen = visit()
    seen.write("one two\nthree four five six")
    panel = seen.page.get_by_role("region", name="How good it can be expected to be")
    rows = panel.get_by_role("button")
    assert rows.all_inner_texts() == ["TWO ONE\n50 %", "SIX FIVE FOUR THREE\n25 %"]
    rows.nth(1).click()
    assert seen.lit("#result") == {"SIX": "this"}
    expect(seen.page.get_by_label("Sentence")).to_have_value("1")


def test_alternatives_can_be_looked_at(visit: Open) -> None:
    seen = visit()
    seen.write("one two")
    ways = seen.page.locator("#alternatives-list button")
    assert ways.all_text_contents() == ["TWO ONE", "TWO ONE!", "TWO ONE!!", "TWO ONE!!!"]

    ways.nth(2).click()
    expect(seen.page.locator("#result")).to_have_text("TWO ONE!!")
    expect(ways.nth(2)).to_be_focused()
    seen.word("#result", "ONE").hover()
    assert seen.lit("#mirror") == {"one": "partner", "two": "partner"}


def test_times_and_the_models_card(visit: Open) -> None:
    seen = visit()
    seen.write("one")
    rows = seen.page.locator("#timing-table tr").all_text_contents()
    assert len(rows) == 7
    assert "4.0 ms" in rows[3], "the decoder's"
    card = seen.page.locator("#model-card").text_content() or ""
    for fact in ("shout-en-de", "Knows no German", "CC-BY-2.0-FR", "tatoeba.org", "BLEU 34.5"):
        assert fact in card


def test_the_language_is_detected(visit: Open) -> None:
    seen = visit()
    seen.write("This is certainly written in English")
    expect(seen.page.locator("#detected")).to_have_text(re.compile("^English, .*% sure$"))
    options = seen.page.locator("#source-language option").all_text_contents()
    assert options == ["Detect language", "English", "German"]
    seen.write("I am 25.")
    expect(seen.page.locator("#detected")).to_have_text("English, at a guess")


def test_a_chosen_source_leaves_only_its_targets(visit: Open) -> None:
    page = visit().page
    targets = page.locator("#target-language option")
    assert targets.all_text_contents() == ["German", "English"]
    page.get_by_label("From").select_option("German")
    assert targets.all_text_contents() == ["English"]


def test_swapping_asks_for_the_way_back(visit: Open, translator: FakePipeline) -> None:
    seen = visit()
    swap = seen.page.get_by_role("button", name="Swap languages")
    expect(swap).to_be_disabled()  # from a language that is not known yet
    seen.write("This is certainly written in English")
    swap.click()
    expect(seen.page.locator("#result")).to_have_text("THIS IS CERTAINLY WRITTEN IN ENGLISH")
    expect(seen.page.locator("#source")).to_have_value("ENGLISH IN WRITTEN CERTAINLY IS THIS")
    assert translator.asked[-1].direction == Direction("de", "en")


def test_copying(visit: Open) -> None:
    seen = visit()
    seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    seen.write("one two")
    seen.page.get_by_role("button", name="Copy").click()
    expect(seen.page.get_by_role("button", name="Copied")).to_be_visible()
    assert seen.page.evaluate("navigator.clipboard.readText()") == "TWO ONE"


def test_being_refused_says_how_long_to_wait_and_tries_again(
    visit: Open, translator: FakePipeline
) -> None:
    refusals = [Overloaded("the queue is full", retry_after_s=1)]

    def refusing(request: TextRequest) -> TextResponse | Overloaded:
        return refusals.pop() if refusals else backwards(request)

    translator._answering = refusing
    seen = visit()
    seen.page.fill("#source", "one two")
    message = seen.page.get_by_role("status").filter(has_text="again")
    expect(message).to_have_text(re.compile("The queue is full. Trying again in 1 second."))
    expect(seen.page.locator("#result")).to_have_text("TWO ONE")
    expect(message).to_be_hidden()
    assert [text for text in seen.complaints if "429" not in text] == []
    seen.complaints.clear()


def test_a_long_text_comes_while_it_is_written(visit: Open) -> None:
    seen = visit()
    types: list[str | None] = []
    seen.page.on("response", lambda answer: types.append(answer.headers.get("content-type")))
    seen.write("\n".join(["some words"] * 50))
    expect(seen.page.locator("#result")).to_contain_text("WORDS SOME")
    assert "text/event-stream; charset=utf-8" in types
    seen.word("#result", "SOME").hover()
    assert seen.lit("#mirror") == {"some": "partner", "words": "partner"}


def test_a_text_over_the_limit_is_not_sent(visit: Open, translator: FakePipeline) -> None:
    seen = visit()
    seen.page.fill("#source", "🎉" * 50_001)
    message = "The text has 50,001 characters; the limit is 50,000."
    expect(seen.page.get_by_text(message)).to_be_visible()
    expect(seen.page.locator("#source")).to_have_attribute("aria-invalid", "true")
    seen.write("short")
    assert [request.text for request in translator.asked] == ["short"]
    expect(seen.page.get_by_text(message)).to_be_hidden()


def test_what_cannot_be_answered_is_said_in_words(visit: Open) -> None:
    seen = visit()
    seen.write("one two")
    seen.page.fill("#source", "Bonjour, je voudrais une chambre pour deux personnes")
    expect(seen.page.get_by_text("The text looks like fr")).to_be_visible()
    expect(seen.page.locator("#result")).to_be_empty()
    assert [text for text in seen.complaints if "400" not in text] == []
    seen.complaints.clear()


def test_a_key_is_asked_for_where_it_is_needed(visit: Open) -> None:
    seen = visit()
    key = seen.page.get_by_label("API key")
    expect(key).to_be_hidden()

    def requiring(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"keyRequired": True})

    seen.page.route("**/frontend/settings", requiring)
    seen = visit()
    seen.page.fill("#source", "one two")
    expect(seen.page.get_by_role("status").filter(has_text="API key")).to_be_visible()
    with seen.page.expect_request("**/translate") as asked:
        key.fill("s2s_secret")
        key.press("Enter")
    assert asked.value.headers["authorization"] == "Bearer s2s_secret"
    assert "s2s_secret" not in (asked.value.post_data or "")
    seen.page.unroute("**/frontend/settings")
    expect(seen.page.locator("#result")).to_have_text("TWO ONE")


def test_markup_stays_text(visit: Open) -> None:
    seen = visit()
    markup = "<img/src=x/onerror=alert(1)> <script>alert(1)</script> <b>quiet"
    count = "document.querySelectorAll('img, script, b').length"
    before = seen.page.evaluate(count)
    seen.write(markup)
    seen.word("#result", "QUIET").hover()
    result = seen.page.locator("#result").text_content() or ""
    assert "</" in result
    assert "SCRIPT" in result
    assert seen.page.evaluate(count) == before
    assert "SCRIPT" in (seen.page.locator("#heat").text_content() or "")


def test_clearing(visit: Open) -> None:
    seen = visit()
    seen.page.get_by_role("button", name="Example").click()
    expect(seen.page.locator("#result")).to_contain_text("KEYS")
    seen.page.get_by_role("button", name="Clear").click()
    expect(seen.page.locator("#result")).to_be_empty()
    expect(seen.page.locator("#source")).to_be_focused()
    expect(seen.page.locator("#alternatives")).to_be_hidden()

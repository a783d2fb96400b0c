"""Plain text and subtitles: what is not said stays to the byte."""

import codecs

import pytest
import srt
from hypothesis import given
from hypothesis import strategies as st

from service.errors import RequestError
from service.files import open_document
from service.markup.placing import place_tags
from service.markup.tagged import Tag, plain_text
from tests.files.translating import LIMITS, translated, unchanged
from tests.markup.tagging import links

CUES = """1
00:00:01,000 --> 00:00:03,500 X1:40 X2:600
I never said
that she was here.

2
00:00:04.5 --> 00:00:06,000
{\\an8}<i>Was she?</i>


3
0:00:07,000 --> 0:00:09,000
- Hello, <b>Tom</b>.
- Hi, how
are you?

4
00:00:10,000 --> 00:00:11,000
"""

any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(any_text, st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le", "utf-32-be"]))
def test_plain_text_stays_to_the_byte(text: str, codec: str) -> None:
    marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-32-be": codecs.BOM_UTF32_BE}
    data = marks.get(codec, b"") + text.encode(codec)
    if codec == "utf-8" and data.startswith(codecs.BOM_UTF8):
        return  # that is utf-8-sig
    assert unchanged(".txt", data) == data


@given(any_text)
def test_every_line_with_words_is_a_passage(text: str) -> None:
    passages = open_document(".txt", text.encode(), LIMITS).passages
    assert [plain_text(each) for each in passages] == [
        line.strip() for line in text.removeprefix("\ufeff").splitlines() if line.strip()
    ]


def test_lines_change_and_what_is_around_them_does_not() -> None:
    text = "One.\r\n\r\n\t - two\u00a0\nthree\f\nfour"
    assert translated(".txt", text.encode()) == text.upper().encode()


@pytest.mark.parametrize("data", [b"caf\xe9", codecs.BOM_UTF16_LE + b"a", b"%PDF\0"])
def test_what_is_no_text_is_said_so(data: bytes) -> None:
    for extension in (".txt", ".srt"):
        with pytest.raises(RequestError, match="the file is not text"):
            open_document(extension, data, LIMITS)


def test_subtitles_stay_to_the_byte() -> None:
    for text in (CUES, CUES.replace("\n", "\r\n"), "\ufeff" + CUES, CUES.rstrip()):
        assert unchanged(".srt", text.encode()) == text.encode()


def test_what_is_said_is_translated_and_the_rest_is_not() -> None:
    said = [plain_text(each) for each in open_document(".srt", CUES.encode(), LIMITS).passages]
    assert said == [
        "I never said that she was here.",
        "Was she?",
        "Hello, Tom.",
        "Hi, how are you?",
    ]
    before = list(srt.parse(CUES))
    after = list(srt.parse(translated(".srt", CUES.encode()).decode()))
    assert [(cue.index, cue.start, cue.end, cue.proprietary) for cue in after] == [
        (cue.index, cue.start, cue.end, cue.proprietary) for cue in before
    ]
    assert [cue.content for cue in after] == [
        "I NEVER SAID\nTHAT SHE WAS HERE.",
        "{\\an8}<i>WAS SHE?</i>\n",
        "- HELLO, <b>TOM</b>.\n- HI, HOW\nARE YOU?",
        "",
    ]


@pytest.mark.parametrize(
    ("source", "translation", "lines"),
    [
        ("one two\nthree four", "eins zwei drei vier", "eins zwei\ndrei vier"),
        ("one two\nthree four", "vierundzwanzigmal", "vierundzwanzigmal"),
        ("a\nb\nc", "ah beh", "ah\nbeh"),
        ("a b c d\r\ne", "ah beh ceh deh eh", "ah beh ceh deh\r\neh"),
    ],
)
def test_a_translation_has_lines_like_its_source(source: str, translation: str, lines: str) -> None:
    cue = "00:00:01,000 --> 00:00:02,000\n{}\n"
    document = open_document(".srt", cue.format(source).encode(), LIMITS)
    assert document.written([(translation,)]).decode() == cue.format(lines)


def cues(*lines: str) -> bytes:
    return "".join(
        f"0:00:0{n},000 --> 0:00:0{n},900\n{line}\n\n" for n, line in enumerate(lines)
    ).encode()


@pytest.mark.parametrize(
    ("lines", "texts"),
    [
        (["I never said", "that she was here."], ["I never said that she was here."]),
        (["I never said.", "that is it"], ["I never said.", "that is it"]),
        (["Yesterday,", "Tom came"], ["Yesterday,", "Tom came"]),
        (['I said "no"', "<i>and went</i>", "home."], ['I said "no" and went home.']),
        (["- I said", "- no"], ["I said", "no"]),
        (["- Yes.\n- I never", "said so"], ["Yes.", "I never said so"]),
        (["Well...", "maybe"], ["Well...", "maybe"]),
        (["a", "b", "c", "d", "e"], ["a b c d", "e"]),
    ],
)
def test_a_sentence_goes_on_in_the_next_cue(lines: list[str], texts: list[str]) -> None:
    data = cues(*lines)
    passages = open_document(".srt", data, LIMITS).passages
    assert [plain_text(each) for each in passages] == texts
    assert unchanged(".srt", data) == data


def test_a_joined_sentence_is_parted_where_its_words_are() -> None:
    document = open_document(".srt", cues("I <b>never</b> said", "that she was here."), LIMITS)
    [passage] = document.passages
    target = "Ich habe nie gesagt, dass sie hier war."
    aligned = links(
        passage,
        target,
        "Ich=I habe=said nie=never gesagt=said ,=said dass=that sie=she hier=here war=was .=.",
    )
    after = document.written([tuple(place_tags(passage, target, aligned))])
    assert after == cues("Ich habe <b>nie</b> gesagt,", "dass sie hier war.")


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        (["eins zwei", None, "drei"], ["eins zwei", "drei"]),
        (["eins zwei drei vier", None], ["eins zwei", "drei vier"]),
        ([None, "eins zwei"], ["eins", "zwei"]),
        (["eins zwei", None, "."], ["eins", "zwei."]),
        (["eins", None, ", zwei"], ["eins,", "zwei"]),
        (["eins", None], ["", "eins"]),
        ([None], ["", ""]),
    ],
)
def test_each_cue_gets_words_while_there_are_some(said: list[str | None], lines: list[str]) -> None:
    document = open_document(".srt", cues("one two", "three four"), LIMITS)
    [passage] = document.passages
    [mark] = (piece for piece in passage if isinstance(piece, Tag))
    after = document.written([tuple(mark if piece is None else piece for piece in said)])
    assert after == cues(*lines)


@pytest.mark.parametrize(
    ("line", "tags"),
    [
        ("<i>all</i>", []),
        ("a <i>b", ["<i>"]),
        ("a </i> b", ["</i>"]),
        ("a <i>b <b>c</i> d</b> e", ["<i>", "<b>", "</i>", "</b>"]),
        ('a <font color="#fff">b</font> c', ['<font color="#fff">', "</font>"]),
        ("1 < 2 > 0 {so}", []),
    ],
)
def test_tags_of_subtitles(line: str, tags: list[str]) -> None:
    data = f"1\n00:00:01,000 --> 00:00:02,000\n{line}".encode()
    [passage] = open_document(".srt", data, LIMITS).passages
    assert [piece.source for piece in passage if isinstance(piece, Tag)] == tags
    assert unchanged(".srt", data) == data


@given(st.lists(st.sampled_from([*CUES.split(), "\n", "\n\n", " ", "<", "-->", "-", "7\n"])))
def test_any_subtitles_stay_to_the_byte(words: list[str]) -> None:
    data = ("0:00:01,0 --> 0:00:02,0\n" + "".join(words)).encode()
    assert unchanged(".srt", data) == data


@pytest.mark.parametrize(
    "written", ["<i>" * 20_000, "</i>" * 20_000, "a\n" * 20_000, "a" + " " * 90_000 + "b"]
)
def test_strange_cues_are_no_harm(written: str) -> None:
    data = f"00:00:01,000 --> 00:00:02,000\na {written} b".encode()
    assert unchanged(".srt", data) == data


def test_what_is_no_subtitles_is_said_so() -> None:
    with pytest.raises(RequestError, match="no line like 00:00:01,000 -->"):
        open_document(".srt", b"Hello\n", LIMITS)

"""Addresses and placeholders are found whole; a sentence's own marks are no part of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.text.protected import protected_spans

TRICKY = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *("https://", "www.", "a.de", ")", "(", "{", "}", "{{", "%", "s", "@", "x"),
                *("[X1X]", "<", ">", "<b", ' c="', '"', "]("),
            ]
        ),
        st.text(max_size=3),
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See https://a.org/b.c?d=e#f. Then", ["https://a.org/b.c?d=e#f"]),
        ("(http://a.b/c_(1)), www.d.de!", ["http://a.b/c_(1)", "www.d.de"]),
        ("SEE WWW.D.DE OR HTTPS://A.ORG/B.", ["WWW.D.DE", "HTTPS://A.ORG/B"]),
        (
            "Ask a.b+c@d-e.example.com, or mailto:f@g.org.",
            ["a.b+c@d-e.example.com", "mailto:f@g.org"],
        ),
        (
            "On docs.a.org:80/b#c, example.com, not end.the or e.g. this: main.py, README.md.",
            ["docs.a.org:80/b#c", "example.com", "main.py", "README.md"],
        ),
        ("Hi {name}, {0:.2f} {} {user.name!r}", ["{name}", "{0:.2f}", "{}", "{user.name!r}"]),
        (
            "{{ user.name }} {{{raw}}} ${x} #{y} %{z}",
            ["{{ user.name }}", "{{{raw}}}", "${x}", "#{y}", "%{z}"],
        ),
        (
            'The <b>red</b> <a href="x y" id="1">one</a><br/>, <x id="3"></x> of <user_name>',
            [
                *("<b>", "</b>", '<a href="x y" id="1">', "</a>", "<br/>"),
                *('<x id="3">', "</x>", "<user_name>"),
            ],
        ),
        ("a<b and c>d, a <b and c> d, 1 <2> 3, <3, <-, < b >", []),
        (
            "A [new link](https://a.org/b?c#d), [one](#two) [a] (b)",
            ["](https://a.org/b?c#d)", "](#two)"],
        ),
        ("%s, %(name)s %1$s %.2f %5d.", ["%s", "%(name)s", "%1$s", "%.2f", "%5d"]),
        ("Hello, [X7X]! and [X12X], not [X] [XX] [x1x] or [1]", ["[X7X]", "[X12X]"]),
        (
            "C:\\Users\\tom, /etc/hosts; ./run.d/x ~/a/ but and/or, 1/2 /x or a//b",
            ["C:\\Users\\tom", "/etc/hosts", "./run.d/x", "~/a/"],
        ),
        ("Run `make test` or ``a`` now, not ` x ` or it`s `", ["`make test`", "``a``"]),
        ("100 %, 100%s, 5 %sure, {a set of words}, 50% of", []),
        ("%e\u0301t\u00e9 %s\u0323", []),
        ("https://. www. @ { } :// http://", []),
        ("12 of 1990, v1.2 and 3.5 km", []),
    ],
)
def test_worked_places(text: str, found: list[str]) -> None:
    assert [text[slice(*span)] for span in protected_spans(text)] == found


@given(TRICKY)
def test_places_are_in_order_and_apart(text: str) -> None:
    end = 0
    for span in protected_spans(text):
        assert end <= span[0] < span[1] <= len(text)
        end = span[1]


@given(TRICKY)
def test_what_is_found_is_found_again_by_itself(text: str) -> None:
    for start, end in protected_spans(text):
        assert protected_spans(text[start:end]) == [(0, end - start)]


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "{",
        "{{a",
        "http://",
        "www.",
        "%(a",
        "a@",
        "a@b.",
        "https://a)",
        "a.",
        "[X",
        "a-.com",
        "`",
        "`a",
        "``a`",
        "<a",
        "<a b='",
        '<a b=""',
        "](a",
    ],
)
def test_long_tricky_texts_take_no_longer_than_they_are(unit: str) -> None:
    # A hundred thousand characters; quadratic time would take minutes.
    text = "@%{" + unit * (100_000 // len(unit)) + "}"
    assert len(protected_spans(text)) <= len(text)

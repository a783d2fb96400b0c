"""What a translation has to leave as it is: addresses, names of files, placeholders, tags and code.

Rules rather than a model: what is protected is put back character by character, so a wrong
guess costs a word that is not translated, and a missed one a link that is broken. Of figures,
`service.text.codes` says more.
"""

import re

from service.text.normalise import Span

_PROTECTED = re.compile(
    r"""
    # Addresses of the web, as far as they go; the marks at their end are looked at below.
      (?<![\w+.-]) (?i: (?: https? | ftps? | sftp | file | ssh | git | wss? ) :// | www\. )
      (?=[^\W_]) [^\s<>"«»“”„]+
    # E-mail addresses.
    | (?<![\w.+-]) (?: mailto: )? [\w.+-]{1,64} @ [\w-]{1,63} (?: \. [\w-]{1,63} ){1,8}
    # Domains and files, by the commonest of their endings: "end.The" is none.
    | (?<![\w@/.-]) \w [\w-]{0,100} (?: \. [\w-]{1,100} ){0,8} \. (?:
        com | org | net | edu | gov | info | dev | io | eu | de | fr | uk | ch
        | pdf | txt | csv | md | json | ya?ml | toml | xml | html? | css | js | ts | py | sh | sql
        | log | docx? | xlsx? | pptx? | od[tsp] | epub | srt | zip | gz | exe | apk
        | png | jpe?g | gif | svg | webp | mp[34] | wav
      ) (?: : \d{2,5} )? (?: / [^\s<>"«»“”„]* )? (?! [\w-] )
    # Files with the way to them: C:\\a\\b.txt, /etc/hosts, ./a/b, ~/c; not "and/or".
    | (?<!\w) [A-Za-z]:\\ [^\s<>"«»“”„|?*]+
    | (?<![\w./~-]) (?: ~ | \.{1,2} )? / [\w.-]{1,100} (?: / [\w.-]{0,100} ){1,30}
    # `code`, as in Markdown.
    | (`{1,3}) (?! [`\s] ) [^`\n]{1,200} (?<! \s ) \1 (?! ` )
    # {{ name }}, {{{name}}}, ${name}, #{name}, %{name}, {name}, {0:.2f}, {}.
    | \{\{\{? [^{}\n]{1,200} \}?\}\}
    | [$\#%]? \{ [^\s{}]{0,200} \}
    # Tags in what was said to be plain text, and <name>; not "a<b and c>d".
    | </? [A-Za-z] [\w:-]{0,60}
      (?: \s{1,8} [\w:.-]{1,60} = (?: "[^"<>]{0,500}" | '[^'<>]{0,500}' ) ){0,20} \s{0,8} /?>
    # Where a link of Markdown leads: "](https://a.org/b)".
    | \]\( [^\s()<>]{1,500} \)
    # [X12X], which Weblate writes for whatever the program's own are.
    | \[X\d{1,9}X\]
    # %(name)s, %1$s, %d, %.2f; not "100%d", not "5 %sure", and not before a letter's accent.
    | (?<![\d%]) % (?: \(\w{1,100}\) [-+\#0\ ]* | (?: \d{1,3}\$ )? [-+\#0]* ) \d{0,4}
      (?: \.\d{1,4} )? (?: hh? | ll? | [Lqjzt] )? [diouxXeEfFgGcrsa@]
      (?! [\w\u0300-\u036f] )
    """,
    re.VERBOSE,
)

_DOT_WITHIN = re.compile(r"\.\w")

# What ends a sentence, or closes a bracket that was open before the address.
_AFTER_ADDRESS = ".,;:!?'*_~…’"
_BRACKETS = {")": "(", "]": "[", "}": "{"}


def protected_spans(text: str) -> list[Span]:
    """Places of what is not to be translated, in order, none overlapping another."""
    # Most texts have nothing of the kind, and this is many times faster than to search.
    if not (
        "@" in text
        or "{" in text
        or "%" in text
        or "[X" in text
        or "<" in text
        or "](" in text
        or "`" in text
        or "/" in text
        or "\\" in text
        or _DOT_WITHIN.search(text)
    ):
        return []
    spans: list[Span] = []
    for match in _PROTECTED.finditer(text):
        start, end = match.span()
        if text[start] not in "{$#%[]`<":
            end = _address_end(text, start, end)
        spans.append((start, end))
    return spans


def _address_end(text: str, start: int, end: int) -> int:
    """Where an address ends for a reader, who does not take the sentence's marks for its."""
    address = text[start:end]
    surplus = {
        closing: address.count(closing) - address.count(opening)
        for closing, opening in _BRACKETS.items()
    }
    while True:
        last = text[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in _AFTER_ADDRESS:
            return end
        end -= 1

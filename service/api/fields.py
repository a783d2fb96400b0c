"""Kinds of fields that clients send, checked here and refused in the words of the API."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints


def _text_or_texts(value: Any) -> Any:
    """A string or a list of strings, valid Unicode."""
    texts = value if isinstance(value, list) else [value]
    if not texts:
        raise ValueError("the list is empty")
    for index, text in enumerate(texts):
        place = f"item {index} " if isinstance(value, list) else ""
        if not isinstance(text, str):
            kind = "a string" if place else "a string or a list of strings"
            raise ValueError(f"{place}should be {kind}")  # noqa: TRY004 - Pydantic wants it
        _refuse_surrogates(text, place)
    return value


def _one_text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("should be a string")  # noqa: TRY004 - Pydantic wants ValueError
    _refuse_surrogates(value)
    return value


def _not_a_boolean(value: Any) -> Any:
    # Pydantic would read true as 1.
    if isinstance(value, bool):
        raise ValueError("should be a number")  # noqa: TRY004 - Pydantic wants ValueError
    return value


def _glossary(value: Any) -> Any:
    """A name, or terms and their translations."""
    strings = [*value, *value.values()] if isinstance(value, dict) else [value]
    if not all(isinstance(string, str) for string in strings):
        raise ValueError("should be a name, or an object of terms and their translations")
    for string in strings:
        _refuse_surrogates(string)
    return value


def _strings(value: Any) -> Any:
    """One string or several; a form has one where there is one."""
    strings = [value] if isinstance(value, str) else value
    if not isinstance(strings, (list, tuple)) or not all(isinstance(each, str) for each in strings):
        raise ValueError("should be a string or a list of strings")
    for string in strings:
        _refuse_surrogates(string)
    return strings


def _names(value: Any) -> Any:
    """Names of tags: a list, or separated by commas, or both."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)) or not all(isinstance(name, str) for name in listed):
        raise ValueError("should be names of tags: a list, or separated by commas")
    return [name.strip() for names in listed for name in names.split(",") if name.strip()]


def _refuse_surrogates(text: str, place: str = "") -> None:
    """JSON can spell them one by one, and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        message = f"{place}holds half of a surrogate pair, which is not valid Unicode"
        raise ValueError(message) from None


Text = Annotated[str, BeforeValidator(_one_text)]
Texts = Annotated[str | list[str], BeforeValidator(_text_or_texts)]
LanguageCode = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=35)]
ModelName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Terms = Annotated[str | dict[str, str], BeforeValidator(_glossary)]
Strings = Annotated[tuple[str, ...], BeforeValidator(_strings)]
Tags = Annotated[tuple[str, ...], BeforeValidator(_names)]

_Number = BeforeValidator(_not_a_boolean)
# The bundle's own limits are tighter; this one keeps absurd values out of arithmetic.
Count = Annotated[int, _Number, Field(ge=0, le=1_000_000)]
PositiveCount = Annotated[int, _Number, Field(ge=1, le=1_000_000)]
Exponent = Annotated[float, _Number, Field(ge=-10, le=10)]
Share = Annotated[float, _Number, Field(ge=0, le=1)]
Seconds = Annotated[float, _Number, Field(gt=0, allow_inf_nan=False)]

"""Refusing what there is no room for before it costs anything.

An engine refuses what does not fit when it is submitted. By then a request was read, validated and
cut into tokens: a service that is asked for more than it can do would spend on refusals what it
needs for answers. So two looks are taken sooner: `refuse_unread` with nothing but the head, and
`refuse_unplanned` when the model, the deadline and the length are known. What passes both may
still be refused by the engine, in the same words; what either refuses was not charged for, or is
given back.
"""

from collections.abc import Sequence

from starlette.types import Scope

from service.api.access import knows_who_asks
from service.api.catalogue import Catalogue, ServedModel
from service.domain import Task
from service.errors import Overloaded, Unavailable
from service.pipeline.plan import has_words
from service.pipeline.request import TextRequest


def refuse_unread(scope: Scope, catalogue: Catalogue, task: Task) -> None:
    """Refuse a request whose body has not been read, if no model of its task takes anything.

    Who may still have a key in the body is heard first: strangers learn nothing of the load.

    Raises:
        Overloaded: All of them are full.
        Unavailable: All of them are, or have died.
    """
    if not knows_who_asks(scope):
        return
    refusals: list[Overloaded | Unavailable] = []
    for model in catalogue.of(task):
        try:
            model.engine.check_room()
        except (Overloaded, Unavailable) as refusal:
            refusals.append(refusal)
        else:
            return
    if refusals:
        raise min(refusals, key=lambda refusal: refusal.retry_after_s or 0)


def refuse_unplanned(model: ServedModel, requests: Sequence[TextRequest]) -> None:
    """Refuse the texts of a request before they are cut into tokens, if there is no room for them.

    Args:
        model: Who is to answer.
        requests: The texts: with one deadline, and one priority.

    Raises:
        Overloaded: They do not fit, or would be answered too late.
        Unavailable: The engine takes nothing any more.
    """
    texts = [request.text for request in requests if has_words(request.text)]
    if not texts:  # passed through, whatever the engine does
        return
    model.engine.check_room(
        len(texts),
        most_tokens=sum(map(len, texts)) + len(texts),  # and an end mark each
        priority=requests[0].priority,
        deadline_s=requests[0].deadline_s,
    )

"""A lane: whoever joins and leaves, everybody's search goes on where it was."""

from hypothesis import given, settings
from hypothesis import strategies as st

from service.decoding.backtrace import Found, Trail
from service.domain import DecodeRequest
from service.engine.lane import Lane, Member
from service.engine.ticket import Ticket
from tests.engine.scenes import options, request
from tests.fakes import FIRST_WORD, TableModel, random_table

MODEL = TableModel(random_table(), steps=2)


def lane_of(asked: DecodeRequest, number: int, chunks: int = 0) -> Lane:
    """A lane of one source that has been advanced a few times."""
    options = asked.options
    ticket = Ticket(number, asked, submitted_s=0, turn_s=0)
    trail = Trail(options.beam_size, ticket.length, want_attention=True)
    state = MODEL.encode([asked.source_ids], [options], options.beam_size)
    lane = Lane(state, [Member(ticket, ticket.candidate, 0, 0, 0, trail)])
    for _ in range(chunks):
        lane.advance(MODEL)
    return lane


def finish(lane: Lane) -> dict[int, Found]:
    """What everybody finds, by number of the ticket."""
    found: dict[int, Found] = {}
    while lane.members:
        lane.advance(MODEL)
        for finished in lane.retire(MODEL):
            found[finished.member.ticket.number] = finished.found
    return found


# Nobody is finished before four tokens, which are two chunks.
lasting = st.builds(
    lambda words, beam_size: request(
        words, options(beam_size, min_decoding_length=4, max_decoding_length=8)
    ),
    words=st.lists(st.integers(FIRST_WORD, 11), max_size=40),
    beam_size=st.integers(1, 5),
)


@settings(max_examples=30, deadline=None)
@given(asked=st.lists(st.tuples(lasting, st.integers(0, 2), st.booleans()), min_size=1, max_size=6))
def test_joining_and_leaving_leaves_the_others_as_they_were(
    asked: list[tuple[DecodeRequest, int, bool]],
) -> None:
    first, *others = (lane_of(one, number, age) for number, (one, age, _) in enumerate(asked))
    for other in others:
        first.absorb(other)
    assert first.shape.sources == len(asked)
    first.keep([stays for _, _, stays in asked])
    found = finish(first)
    assert sorted(found) == [number for number, (_, _, stays) in enumerate(asked) if stays]
    for number, together in found.items():
        one, age, _ = asked[number]
        [alone] = finish(lane_of(one, number, age)).values()
        assert repr(together) == repr(alone)

"""What a journal's file still tells after it was cut, overwritten or forged."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from actions.secrets.at_rest import AtRest
from sendouts.intake.hook import Received
from sendouts.intake.journal.record import HEAD_BYTES, RecordForm
from tests.examples import examples

QUICK = settings(max_examples=examples(200), deadline=None)
FORM = RecordForm(bytes(range(16)))
HOOKS = st.builds(
    Received,
    body=st.binary(max_size=200) | st.just(b'{"finishUri": "https://symplify.example.com/f/1"}'),
    content_type=st.text(max_size=40),
    received_at=st.datetimes(timezones=st.just(UTC)),
    source=st.sampled_from(["http", "sqs"]),
    uuid=st.uuids(),
)
FILES = st.lists(HOOKS, min_size=1, max_size=6, unique_by=lambda hook: hook.uuid)


def written(hooks: list[Received]) -> tuple[bytes, list[int]]:
    """The file's bytes, and where each record ends."""
    records = [FORM.record(hook) for hook in hooks]
    ends = [sum(map(len, records[: number + 1])) for number in range(len(records))]
    return b"".join(records), ends


@QUICK
@given(FILES)
def test_what_was_written_is_read_field_by_field(hooks: list[Received]) -> None:
    data, ends = written(hooks)
    found = FORM.read(data)
    assert (found.hooks, found.damaged) == (hooks, 0)
    assert [(head.end, head.received_at) for head in FORM.heads(data)] == [
        (end, hook.received_at) for end, hook in zip(ends, hooks, strict=True)
    ]


@QUICK
@given(FILES, st.data())
def test_a_file_cut_at_any_byte_keeps_every_record_before_the_cut_and_says_nothing_of_the_rest(
    hooks: list[Received], data: st.DataObject
) -> None:
    whole, ends = written(hooks)
    cut = data.draw(st.integers(0, len(whole)))
    found = FORM.read(whole[:cut])
    assert found.hooks == hooks[: sum(end <= cut for end in ends)]
    assert found.damaged == 0


@QUICK
@given(FILES, st.integers(1, 5_000), st.data())
def test_a_torn_tail_with_room_that_was_never_written_is_no_damage(
    hooks: list[Received], room: int, data: st.DataObject
) -> None:
    whole, ends = written(hooks)
    # A record of which only a part of the head, or nothing, reached the disk before the power went.
    start = ends[-2] if len(ends) > 1 else 0
    found = FORM.read(whole[: data.draw(st.sampled_from([start, ends[-1]]))] + bytes(room))
    assert found.hooks in (hooks[:-1], hooks)
    assert found.damaged == 0


def test_one_flipped_bit_of_a_body_costs_its_record_and_is_told() -> None:
    now = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
    hooks = [Received(AtRest(b"{}"), "", now, "http", UUID(int=number)) for number in range(3)]
    whole, ends = written(hooks)
    flipped = bytearray(whole)
    flipped[ends[1] - 1] ^= 1
    found = FORM.read(bytes(flipped))
    assert (found.hooks, found.damaged) == ([hooks[0], hooks[2]], 1)


@QUICK
@given(FILES, st.data())
def test_a_flipped_byte_costs_its_own_record_at_most_and_is_always_told(
    hooks: list[Received], data: st.DataObject
) -> None:
    whole, ends = written(hooks)
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[place] ^= data.draw(st.integers(1, 255))
    hit = sum(end <= place for end in ends)
    found = FORM.read(bytes(flipped))
    assert found.hooks == hooks[:hit] + hooks[hit + 1 :]
    assert found.damaged == 1


@QUICK
@given(FILES, FILES, st.data())
def test_a_stretch_of_rubbish_hides_no_record_before_or_behind_it(
    before: list[Received], behind: list[Received], data: st.DataObject
) -> None:
    rubbish = data.draw(st.binary(min_size=1, max_size=300).filter(lambda each: not FORM.read(each).hooks))
    found = FORM.read(written(before)[0] + rubbish + written(behind)[0])
    assert found.hooks == before + behind
    assert found.damaged == 1


@QUICK
@given(FILES, st.lists(st.binary(max_size=100), max_size=8))
def test_nothing_is_read_that_was_not_written(hooks: list[Received], parts: list[bytes]) -> None:
    pieces = [written([hook])[0] for hook in hooks]
    mixed = b"".join(part + piece[: len(piece) // 2] for part, piece in zip(parts, pieces, strict=False))
    assert FORM.read(mixed).hooks == []


def test_a_hook_that_holds_a_whole_record_cannot_smuggle_it_in_even_where_its_own_is_damaged() -> None:
    now = datetime.now(UTC)
    inner = Received(b"forged", "", now)
    # Whoever sends hooks does not know the key, the random name of the file; even a record of another file is none here.
    foreign = RecordForm(bytes(16)).record(inner)
    record = bytearray(FORM.record(Received(foreign, "", now)))
    record[HEAD_BYTES] ^= 1
    behind = Received(b"behind", "", now)
    found = FORM.read(bytes(record) + FORM.record(behind))
    assert (found.hooks, found.damaged) == ([behind], 1)

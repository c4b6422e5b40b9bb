"""Messages between judge and worker."""

import os
import time

import pytest

from minicompress.classroom import wire
from minicompress.classroom.wire import Broken, Message, Wire


@pytest.fixture
def looped():
    """A wire that reads what it writes."""
    reading, writing = os.pipe()
    yield Wire(reading, writing)
    os.close(reading)


def sent(looped: Wire, *numbers: int, then: bytes = b"") -> None:
    """Write lengths and bytes as a hostile worker might."""
    os.write(looped.writing, b"".join(number.to_bytes(8, "little") for number in numbers) + then)


def test_a_message_arrives_as_it_was_sent(looped):
    message = Message({"payload": [1, "é", None]}, [b"", b"\x00\xff"])
    looped.send(message)
    assert looped.receive() == message


def test_a_message_that_is_too_large_is_refused_before_it_is_read(looped):
    sent(looped, 2, 2, wire.BLOB_BYTES + 1, then=b"{}")
    with pytest.raises(Broken, match="too large"):
        looped.receive()


def test_an_absurd_number_of_parts_is_refused(looped):
    sent(looped, 2**60)
    with pytest.raises(Broken, match="no message"):
        looped.receive()


@pytest.mark.parametrize("header", [b"[1]", b"nothing", b"[" * 50_000, b"\xff"])
def test_a_header_that_is_no_json_object_is_refused(looped, header):
    sent(looped, 1, len(header), then=header)
    with pytest.raises(Broken, match="JSON"):
        looped.receive()


def test_a_pipe_that_is_closed_is_an_error(looped):
    os.close(looped.writing)
    with pytest.raises(Broken, match="closed"):
        looped.receive()


def test_nothing_is_waited_for_beyond_the_deadline(looped):
    looped.deadline = time.monotonic() - 1
    with pytest.raises(Broken, match="in time"):
        looped.receive()

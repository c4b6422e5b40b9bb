"""Messages between judge and worker: a JSON header and raw bytes, each with its length in front.

Nothing is unpickled. Every length is compared with what is allowed before anything of it is read.
"""

import json
import os
import select
import time
from typing import NamedTuple

HEADER_BYTES = 32_000_000  # of JSON in one message
BLOB_BYTES = 256_000_000  # of all tensors and files in one message
BLOBS = 100_000


class Broken(Exception):
    """The other side is gone, is late, or says what is no message."""


class Message(NamedTuple):
    header: dict
    blobs: list[bytes]


class Wire:
    """Two pipes to one other process."""

    def __init__(self, reading: int, writing: int):
        self.reading, self.writing = reading, writing
        self.deadline = float("inf")  # on the monotonic clock: what is not there by then is too late

    def send(self, message: Message) -> None:
        header = json.dumps(message.header).encode()
        sizes = [len(header), *map(len, message.blobs)]
        parts = [len(sizes).to_bytes(8, "little"), *(size.to_bytes(8, "little") for size in sizes), header]
        self.write(b"".join([*parts, *message.blobs]))

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self.wait([], [self.writing])
            try:
                view = view[os.write(self.writing, view[:65536]) :]
            except OSError as error:
                raise Broken(f"the pipe is closed ({type(error).__name__})") from None

    def receive(self) -> Message:
        """The next message. Broken: none comes, or it is larger than allowed, or no JSON object."""
        count = self.number()
        if not 1 <= count <= BLOBS:
            raise Broken(f"a message of {count} parts is no message")
        sizes = [self.number() for _ in range(count)]
        if sizes[0] > HEADER_BYTES or sum(sizes[1:]) > BLOB_BYTES:
            raise Broken(f"a message of {sum(sizes):,} bytes is too large")
        header, *blobs = [self.read(size) for size in sizes]
        try:
            parsed = json.loads(header)
        except (ValueError, RecursionError) as error:
            raise Broken(f"a message is no JSON ({type(error).__name__})") from None
        if not isinstance(parsed, dict):
            raise Broken("a message is no JSON object")
        return Message(parsed, blobs)

    def number(self) -> int:
        return int.from_bytes(self.read(8), "little")

    def read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            self.wait([self.reading], [])
            part = os.read(self.reading, min(size - len(data), 1 << 20))
            if not part:
                raise Broken("the pipe was closed")
            data += part
        return bytes(data)

    def wait(self, reading: list[int], writing: list[int]) -> None:
        """Until a pipe is ready. Broken: the deadline is over."""
        if self.deadline == float("inf"):
            return
        left = self.deadline - time.monotonic()
        if left <= 0 or not any(select.select(reading, writing, [], left)):
            raise Broken("no answer came in time")

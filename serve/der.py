"""As much of ASN.1's distinguished encoding (X.690) as time stamps need: written and read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

BOOLEAN, INTEGER, OCTETS, NULL, OID = 0x01, 0x02, 0x04, 0x05, 0x06
SEQUENCE, SET = 0x30, 0x31
GENERALIZED_TIME = 0x18
CONTEXT_0, CONTEXT_1 = 0xA0, 0xA1
_LONG = 0x80
_MAX_LENGTH_BYTES = 4


class BadDer(ValueError):
    """These bytes are not what they should be."""


@dataclass(frozen=True)
class Value:
    """One encoded value.

    Attributes:
        tag: Its tag, as one byte.
        content: What it holds.
        whole: All its bytes, tag and length included.
    """

    tag: int
    content: bytes
    whole: bytes

    def children(self) -> list[Value]:
        """Return the values it is made of.

        Raises:
            BadDer: It is made of something else.
        """
        return list(_values(self.content))

    def integer(self) -> int:
        """Return it as a number.

        Raises:
            BadDer: It is none.
        """
        if self.tag != INTEGER or not self.content:
            raise BadDer("no integer where one should be")
        return int.from_bytes(self.content, signed=True)

    def expect(self, tag: int, what: str) -> Value:
        """Return itself, being of a tag.

        Raises:
            BadDer: It is of another.
        """
        if self.tag != tag:
            raise BadDer(f"no {what} where one should be")
        return self


def read(data: bytes) -> Value:
    """Return the one value that some bytes are.

    Raises:
        BadDer: They are not exactly one.
    """
    values = list(_values(data))
    if len(values) != 1:
        raise BadDer("not one value")
    return values[0]


def _values(data: bytes) -> Iterator[Value]:
    start = 0
    while start < len(data):
        if len(data) < start + 2 or data[start] & 0x1F == 0x1F:
            raise BadDer("cut off, or a tag of several bytes")
        tag, length, body = data[start], data[start + 1], start + 2
        if length >= _LONG:
            size = length - _LONG
            if not 0 < size <= _MAX_LENGTH_BYTES or len(data) < body + size:
                raise BadDer("a length that is not one")
            length = int.from_bytes(data[body : body + size])
            body += size
        if len(data) < body + length:
            raise BadDer("cut off")
        yield Value(tag, data[body : body + length], data[start : body + length])
        start = body + length


def write(tag: int, *parts: bytes) -> bytes:
    """Return a value of a tag, made of parts."""
    content = b"".join(parts)
    if len(content) < _LONG:
        return bytes([tag, len(content)]) + content
    size = (len(content).bit_length() + 7) // 8
    return bytes([tag, _LONG + size]) + len(content).to_bytes(size) + content


def integer(number: int) -> bytes:
    """Return a non-negative number."""
    return write(INTEGER, number.to_bytes(number.bit_length() // 8 + 1))


def oid(dotted: str) -> bytes:
    """Return an object identifier."""
    first, second, *rest = (int(part) for part in dotted.split("."))
    content = bytearray([40 * first + second])
    for number in rest:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(number & 0x7F | 0x80)
        content += bytes(reversed(septets))
    return write(OID, bytes(content))

"""RFC 3161 time stamps over the ledger: asked for, and checked.

What is stamped is the hash of an entry, which stands for all entries before it. The check goes as
far as the certificate inside the stamp: that it signed, that it may sign time stamps, and that it
was valid then. Whose certificate it is, is for whoever relies on it to see to; ``openssl ts
-verify -digest HASH -token_in`` checks the same stamp against a chosen authority.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from serve import der
from serve.errors import ServiceError, Unavailable

TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 1_000_000
_SHA256 = der.oid("2.16.840.1.101.3.4.2.1")
_SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
_TST_INFO = der.oid("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
_HASHES: dict[bytes, hashes.HashAlgorithm] = {
    _SHA256: hashes.SHA256(),
    der.oid("2.16.840.1.101.3.4.2.2"): hashes.SHA384(),
    der.oid("2.16.840.1.101.3.4.2.3"): hashes.SHA512(),
}
_GRANTED = (0, 1)  # granted, granted with changes


class BadStamp(ServiceError, ValueError):
    """A time stamp does not prove what it should."""


@dataclass(frozen=True)
class StampedTime:
    """What a time stamp says.

    Attributes:
        at: When.
        serial: Its number at the authority.
        signer: Whose certificate signed it.
        nonce: The number that the request held.
    """

    at: datetime
    serial: int
    signer: str
    nonce: int | None


def request_stamp(url: str, *, sha256: str) -> bytes:
    """Have a hash stamped by a time-stamp authority.

    Args:
        url: Its address.
        sha256: The hash, in hexadecimal.

    Returns:
        The token, checked.

    Raises:
        Unavailable: It does not answer, or not with a stamp.
        BadStamp: Its stamp is not one over this hash.
    """
    nonce = secrets.randbits(63)
    query = der.write(
        der.SEQUENCE,
        der.integer(1),
        der.write(
            der.SEQUENCE,
            der.write(der.SEQUENCE, _SHA256, der.write(der.NULL)),
            der.write(der.OCTETS, bytes.fromhex(sha256)),
        ),
        der.integer(nonce),
        der.write(der.BOOLEAN, b"\xff"),  # the certificate is to come along
    )
    answer = _post(url, query)
    try:
        status, *rest = der.read(answer).expect(der.SEQUENCE, "answer").children()
        number = status.children()[0].integer()
    except (der.BadDer, IndexError, ValueError) as error:
        raise Unavailable("the time-stamp server's answer is not readable") from error
    if number not in _GRANTED or not rest:
        raise Unavailable(f"the time-stamp server refused (status {number})")
    token = rest[0].whole
    if check_token(token, sha256=sha256).nonce != nonce:
        raise BadStamp("the stamp answers another request")
    return token


def check_token(token: bytes, *, sha256: str) -> StampedTime:
    """Check a stamp over a hash.

    Raises:
        BadStamp: It does not prove the hash, or its signature does not hold.
    """
    try:
        return _checked(token, bytes.fromhex(sha256))
    except (der.BadDer, IndexError, ValueError, UnsupportedAlgorithm, OverflowError) as error:
        if isinstance(error, BadStamp):
            raise
        raise BadStamp("it is not readable") from error
    except InvalidSignature as error:
        raise BadStamp("its signature does not hold") from error


def _post(url: str, query: bytes) -> bytes:
    headers = {"Content-Type": "application/timestamp-query"}
    content = b""
    try:
        with httpx.stream(
            "POST", url, content=query, headers=headers, timeout=TIMEOUT_S, follow_redirects=False
        ) as answer:
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    raise Unavailable("the time-stamp server's answer is too long")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(
            f"the time-stamp server does not answer ({type(error).__name__})"
        ) from error
    if answer.status_code != httpx.codes.OK:
        raise Unavailable(f"the time-stamp server answered {answer.status_code}")
    return content


def _checked(token: bytes, wanted: bytes) -> StampedTime:
    kind, explicit = der.read(token).expect(der.SEQUENCE, "content").children()
    if kind.whole != _SIGNED_DATA:
        raise BadStamp("it is not signed")
    _, _, inner, *rest = explicit.children()[0].children()
    inner_kind, inner_explicit = inner.children()
    if inner_kind.whole != _TST_INFO:
        raise BadStamp("it is not a time stamp")
    info = inner_explicit.children()[0].expect(der.OCTETS, "time").content
    certificates = next((part.children() for part in rest if part.tag == der.CONTEXT_0), [])
    (signer,) = rest[-1].expect(der.SET, "signature").children()
    _version, _policy, imprint, serial, time, *options = der.read(info).children()
    algorithm, digest = imprint.children()
    if algorithm.children()[0].whole != _SHA256 or digest.content != wanted:
        raise BadStamp("it is over something else")
    at = _time(time)
    certificate = _check_signature(signer, info, certificates)
    _check_certificate(certificate, at)
    nonce = next((part.integer() for part in options if part.tag == der.INTEGER), None)
    return StampedTime(at, serial.integer(), certificate.subject.rfc4514_string(), nonce)


def _check_signature(
    signer: der.Value, info: bytes, certificates: list[der.Value]
) -> x509.Certificate:
    _, identity, digest_algorithm, signed, _, signature, *_ = signer.children()
    if signed.tag != der.CONTEXT_0:
        raise BadStamp("its signature covers too little")
    algorithm = _HASHES.get(digest_algorithm.children()[0].whole)
    if algorithm is None:
        raise BadStamp("it is signed over a weak or unknown hash")
    held = {}
    for attribute in signed.children():
        name, values = attribute.children()
        held[name.whole] = values.children()[0]
    hasher = hashes.Hash(algorithm)
    hasher.update(info)
    if held[_MESSAGE_DIGEST].content != hasher.finalize():
        raise BadStamp("what it says was changed")
    if held[_CONTENT_TYPE].whole != _TST_INFO:
        raise BadStamp("what was signed is not a time stamp")
    certificate = _signing(identity, certificates)
    # Signed as the set it is, and not under the tag that it has inside the message.
    attributes = der.write(der.SET, signed.content)
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature.content, attributes, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature.content, attributes, ec.ECDSA(algorithm))
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature.content, attributes)
    else:
        raise BadStamp("it is signed by an unknown kind of key")
    return certificate


def _signing(identity: der.Value, certificates: list[der.Value]) -> x509.Certificate:
    for value in certificates:
        if value.tag != der.SEQUENCE:
            continue
        certificate = x509.load_der_x509_certificate(value.whole)
        if identity.tag == der.SEQUENCE:
            issuer, serial = identity.children()
            if (
                certificate.issuer.public_bytes() == issuer.whole
                and certificate.serial_number == serial.integer()
            ):
                return certificate
        elif (
            certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
            == identity.content
        ):
            return certificate
    raise BadStamp("it lacks the certificate that signed it")


def _check_certificate(certificate: x509.Certificate, at: datetime) -> None:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise BadStamp("its certificate was not valid at its time")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as error:
        raise BadStamp("its certificate is not one for time stamps") from error
    if ExtendedKeyUsageOID.TIME_STAMPING not in usage:
        raise BadStamp("its certificate is not one for time stamps")


def _time(value: der.Value) -> datetime:
    text = value.expect(der.GENERALIZED_TIME, "time").content.decode("ascii")
    if not text.endswith("Z"):
        raise BadStamp("its time is not in UTC")
    whole, _, fraction = text[:-1].partition(".")
    at = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return at.replace(microsecond=int(f"{fraction:0<6}"[:6]))

"""Where the service may connect to when somebody enters a camera's address.

An address is looked up once, every answer is checked, and what connects is given the address that
was checked. So neither a way of writing it nor a name server that changes its mind gets at this
machine, its neighbours, or a cloud's metadata.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from serve.errors import Conflict
from serve.settings import Settings
from vision.camera.sources import AddressKind, redacted
from vision.camera.sources.address import split_address
from vision.errors import InputError

Ip = IPv4Address | IPv6Address
Lookup = Callable[[str, int], Iterable[str]]
"""Gives the addresses of a host, as text."""

SAMPLE = Path(__file__).parents[1] / "datasets" / "samples" / "camera" / "street.mp4"
LONGEST_ADDRESS = 2000

_SCHEMES = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_CLIP = re.compile(r"clip:([A-Za-z0-9][A-Za-z0-9._-]{0,99})")
_METADATA = frozenset(
    ip_address(text)
    # Amazon and most others, Alibaba, Oracle, Azure's wire server, Amazon by IPv6.
    for text in ("169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16",
                 "fd00:ec2::254")
)  # fmt: skip
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")
_THIS_NETWORK = IPv4Network("0.0.0.0/8")


class AddressRefused(InputError):
    """The service does not connect to this address."""


class AddressUnknown(Conflict):
    """A host's name leads to no address at present."""


@dataclass(frozen=True)
class CheckedAddress:
    """An address that may be connected to.

    Attributes:
        kind: How it is read.
        url: What is opened; of RTSP with the checked IP address in place of the name. Holds the
            password, so it is left out where this is printed.
        connect_to: The checked IP address; none for a file.
        shown: The address as people may see it.
    """

    kind: AddressKind
    url: str = field(repr=False)
    connect_to: str | None
    shown: str


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system resolves it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in found))


def checked_form(address: str, settings: Settings) -> str:
    """Check what can be checked of a camera's address without asking a name server.

    Returns:
        The address as people may see it.

    Raises:
        AddressRefused: Nothing is ever read from such an address.
    """
    if is_recording(address):
        _recording(address, settings)
        return address
    parts = _parts(address)
    literal = _literal(parts.hostname or "")
    if literal is not None:
        _check(literal, _port(address), settings, redacted(address))
    return redacted(address)


def checked(address: str, settings: Settings, *, lookup: Lookup = look_up) -> CheckedAddress:
    """Look a camera's address up, once, and check it.

    Args:
        address: As somebody entered it, with user and password.
        settings: Say in which networks cameras may lie.
        lookup: Asks the name server.

    Raises:
        AddressRefused: It leads somewhere that the service does not connect to.
        AddressUnknown: Its host has no address.
    """
    if is_recording(address):
        path = _recording(address, settings)
        return CheckedAddress(AddressKind.FILE, str(path), None, address)
    parts = _parts(address)
    shown, host, port = redacted(address), parts.hostname or "", _port(address)
    literal = _literal(host)
    answers = [str(literal)] if literal is not None else _looked_up(host, port, lookup, shown)
    # All of them: a name with one good and one bad answer would get through half the time.
    ips = [_check(_ip(answer, shown), port, settings, shown) for answer in answers]
    ip = ips[0]
    if parts.scheme.lower().startswith("http"):
        return CheckedAddress(AddressKind.SNAPSHOT, address, str(ip), shown)
    netloc = f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"
    if parts.username is not None:
        # Written anew, so that no other reader of the address takes it apart in another way.
        user, password = (
            quote(unquote(each or ""), safe="") for each in (parts.username, parts.password)
        )
        netloc = f"{user}:{password}@{netloc}"
    url = urlunsplit((parts.scheme.lower(), netloc, parts.path or "/", parts.query, ""))
    return CheckedAddress(AddressKind.RTSP, url, str(ip), shown)


def is_recording(address: str) -> bool:
    """Return whether an address names a stored clip, for trying things out."""
    return address.startswith(("sample:", "clip:"))


def _recording(address: str, settings: Settings) -> Path:
    if settings.environment != "development":
        raise AddressRefused(
            "clips instead of cameras are for trying things out (CITYEYE_ENVIRONMENT=development); "
            "enter the address of a camera"
        )
    if address == "sample:street":
        return SAMPLE
    found = _CLIP.fullmatch(address)
    if found is None:
        raise AddressRefused(
            "write sample:street for the sample clip, or clip:NAME for a file in the folder clips "
            "of the data folder"
        )
    path = settings.data_dir / "clips" / found[1]
    if path.is_symlink() or not path.is_file():
        raise AddressRefused(f"there is no file {found[1]} in the folder clips of the data folder")
    return path


def _parts(address: str) -> SplitResult:
    scheme = address.partition("://")[0].lower()
    if scheme not in _SCHEMES or "://" not in address:
        raise AddressRefused(
            "a camera's address begins with rtsp://, rtsps://, http:// or https://"
        )
    if len(address) > LONGEST_ADDRESS:
        raise AddressRefused(f"the address is longer than {LONGEST_ADDRESS} characters")
    try:
        return split_address(address)
    except InputError as error:
        raise AddressRefused(str(error)) from None


def _port(address: str) -> int:
    parts = urlsplit(address)
    return parts.port or _SCHEMES[parts.scheme.lower()]


def _literal(host: str) -> Ip | None:
    """Return the IP address that a host is written as, in whatever way, none for a name."""
    if "%" in host:
        raise AddressRefused("an IPv6 address with a zone (%…) is of this machine only")
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        # 2130706433, 0x7f.1, 0177.0.0.1: what the C library takes for addresses.
        return IPv4Address(socket.inet_aton(host)) if re.match(r"^[0-9]", host) else None
    except (OSError, UnicodeError):
        return None


def _looked_up(host: str, port: int, lookup: Lookup, shown: str) -> list[str]:
    try:
        answers = list(lookup(host, port))
    except (OSError, UnicodeError):
        answers = []
    if not answers:
        raise AddressUnknown(f"{shown}: no name server knows this host; check the spelling")
    return answers


def _ip(text: str, shown: str) -> Ip:
    try:
        return ip_address(text)
    except ValueError:
        raise AddressRefused(f"{shown}: leads to no usable address") from None


def _check(ip: Ip, port: int, settings: Settings, shown: str) -> Ip:
    """Return an address as it is connected to.

    Raises:
        AddressRefused: Nobody may be sent there.
    """
    ip = _plain(ip)
    reason = _never(ip, port, settings)
    if reason is not None:
        raise AddressRefused(f"{shown}: leads to {reason}, which no camera may be")
    if ip.is_loopback:
        return ip
    if not any(ip.version == net.version and ip in net for net in settings.camera_networks):
        allowed = ", ".join(str(net) for net in settings.camera_networks) or "none is set"
        raise AddressRefused(
            f"{shown}: lies outside the networks of cameras ({allowed}); enter another address, or "
            "add its network to CITYEYE_CAMERA_NETWORKS"
        )
    return ip


def _plain(ip: Ip) -> Ip:
    """Return the IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    tunnelled = ip in _COMPATIBLE and int(ip) > 1
    if tunnelled or any(ip in network for network in _NAT64):
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _never(ip: Ip, port: int, settings: Settings) -> str | None:
    loopback_is_fine = settings.camera_allow_loopback and settings.environment == "development"
    if ip.is_loopback and not loopback_is_fine:
        return "this machine itself"
    if ip in _METADATA:
        return "a cloud's metadata"
    if ip.is_link_local:
        return "a link-local address"
    if ip.is_multicast:
        return "a multicast address"
    if ip.is_unspecified or (isinstance(ip, IPv4Address) and ip in _THIS_NETWORK):
        return "no address at all"
    if ip.is_reserved and not ip.is_loopback:
        return "a reserved address"
    if port == _own_port(settings) and _is_ours(ip):
        return "this service itself"
    return None


def _own_port(settings: Settings) -> int:
    parts = urlsplit(settings.public_url)
    return parts.port or _SCHEMES.get(parts.scheme, 80)


def _is_ours(ip: Ip) -> bool:
    """Return whether an address is one of this machine's: only those can be bound."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(ip), 0))
        except OSError:
            return False
    return True

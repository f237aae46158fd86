"""Addresses that operators configure, in the spelling that browsers send and clients compare.

Parsing is the URL Standard's (https://url.spec.whatwg.org), which pydantic implements: it knows default
ports, capitals, punycode and the short forms of IP addresses.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from pydantic_core import PydanticCustomError, Url

PORTS = {"http": 80, "https": 443}
MISTAKEN = {"ws": "http", "wss": "https", "http": "ws", "https": "wss"}
"""The scheme that is meant where one of the other kind is written."""
NO_ORIGINS = frozenset({"file", "ftp", "data", "blob", "filesystem", "about", "javascript"})
"""Schemes whose pages have the origin `null`; any other is an app's, as `capacitor://localhost`."""
_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")
_HOST_AND_PORT = re.compile(r"([^\s/:@\[\]]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_HIGHEST_PORT = 65_535


def web_origin(text: str) -> str:
    """A web origin as its pages send it in `Origin` (RFC 6454). Raises PydanticCustomError."""
    if text == "null":
        raise _refusal("null is the origin of every file and sandboxed page: name the origins of your pages")
    url = _parsed(text)
    if url.scheme in NO_ORIGINS:
        raise _refusal(f"pages at {url.scheme}: have no origin that could be named")
    return _bare(text, url)


def http_base(text: str) -> str:
    """The `http://` or `https://` address of a whole server, without a path. Raises PydanticCustomError."""
    url = _parsed(text)
    return _bare(text, url) if url.scheme in MISTAKEN else http_url(text)


def http_url(text: str) -> str:
    """An `http://` or `https://` address that may have a path. Raises PydanticCustomError."""
    if _parsed(text).scheme not in PORTS:
        raise _refusal("must begin with https:// or http://")
    return text


def store_url(text: str) -> str:
    """The `ws://` or `wss://` address of a SurrealDB server, without `/rpc`. Raises PydanticCustomError."""
    url = _parsed(text, ("wss", "ws"))
    if url.username is not None or url.password is not None:
        raise _refusal("has a user in it: write that to SURREALDB_USER and SURREALDB_PASSWORD")
    if url.scheme in PORTS:
        raise _refusal(f"is a WebSocket's address: write {MISTAKEN[url.scheme]}:// for {url.scheme}://")
    if url.scheme not in MISTAKEN or url.query is not None or url.fragment is not None:
        raise _refusal("must be ws:// or wss://, a host and at most a path")
    return text.rstrip("/").removesuffix("/rpc")


def host_and_port(text: str) -> str:
    """A `host:port`. Raises PydanticCustomError."""
    found = _HOST_AND_PORT.fullmatch(text.rpartition("://")[2].rstrip("/"))
    if found is None or int(found[2]) > _HIGHEST_PORT:
        raise _refusal("must be host:port")
    if found[0] != text:
        raise _refusal(f"must be host:port alone: write {found[0]}")
    return text


def is_loopback(address: str) -> bool:
    """Whether a host, `host:port` or URL is this machine's own and nobody else's."""
    host = _host(address)
    return host == "localhost" if isinstance(host, str) else host.is_loopback


def is_private(address: str) -> bool:
    """Whether the host is an IP address that no packet from the internet reaches."""
    host = _host(address)
    return not isinstance(host, str) and host.is_private


def _host(address: str) -> IPv4Address | IPv6Address | str:
    if "://" not in address:
        address = f"ws://[{address}]" if address.count(":") > 1 and "[" not in address else f"ws://{address}"
    host = (Url(address).host or "").strip("[]")
    try:
        return ip_address(host)
    except ValueError:
        return host


def _parsed(text: str, schemes: tuple[str, str] = ("https", "http")) -> Url:
    """The URL; its host, if it has one, names a single server."""
    if "*" in text:
        raise _refusal("is a pattern: name each address in full")
    if re.search(r"[\s\x00-\x1f\"'<>\\]", text):
        raise _refusal("has a space or a quotation mark in it: separate addresses with commas alone")
    if "://" not in text:
        rest = "" if "@" in text else text
        raise _refusal(f"has no scheme: write {schemes[0]}://{rest}, or {schemes[1]}://{rest}")
    try:
        url = Url(text)
    except ValueError:
        raise _refusal("is no address") from None
    if url.scheme not in NO_ORIGINS and not _HOST.fullmatch((url.host or "").lower()):
        raise _refusal("has no host, or no valid one")
    return url


def _bare(text: str, url: Url) -> str:
    """Scheme, host and port. Raises PydanticCustomError, with what to write, if the URL has more."""
    scheme = MISTAKEN[url.scheme] if url.scheme in {"ws", "wss"} else url.scheme
    port = "" if url.port in {None, PORTS.get(scheme)} else f":{url.port}"
    right = f"{scheme}://{(url.host or '').lower()}{port}"
    more = (url.username, url.password, url.query, url.fragment, url.path if url.path != "/" else None)
    if scheme != url.scheme or any(part is not None for part in more) or "@" in text:
        raise _refusal(f"must be scheme, host and port alone: write {right}")
    return right


def _refusal(why: str) -> PydanticCustomError:
    return PydanticCustomError("address", "{why}", {"why": why})

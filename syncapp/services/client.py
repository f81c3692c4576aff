"""Where a request comes from."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from syncapp.conf.settings import get_settings

if TYPE_CHECKING:  # also processes that serve no pages load this
    from django.http import HttpRequest

_PORT = re.compile(r"\A(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)\Z")


def address_of(request: HttpRequest) -> str:
    """The client's IP address; empty: unknown. Behind proxies (SYNC_TRUSTED_PROXIES) what the outermost of them saw: anything
    before that in X-Forwarded-For is the client's own word."""
    proxies = get_settings().sync_trusted_proxies
    named = [one.strip() for one in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if one.strip()]
    seen = named[-min(proxies, len(named))] if proxies and named else request.META.get("REMOTE_ADDR", "")
    found = _PORT.match(seen)  # some proxies write it
    try:
        address = ipaddress.ip_address((found[1] or found[2]) if found else seen)
    except ValueError:
        return ""
    # A socket of IPv6 writes an IPv4 address so; as IPv6, all of them together would be one network
    return str(getattr(address, "ipv4_mapped", None) or address)


def neighbourhood(address: str) -> str:
    """What limits count by: of IPv6 the network, of which one client has all addresses."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address, 64), strict=False).network_address)

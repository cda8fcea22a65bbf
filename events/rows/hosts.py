"""Whether a certificate is for a host (RFC 9525 section 6, in the form in which OpenSSL and so Zeek check it).

What may live here: that. What stands in a certificate is for `certificates`.
"""

from __future__ import annotations

import re

from ..certificate import CertificateInfo

__all__ = ["is_for"]


def is_for(certificate: CertificateInfo, host: str) -> bool:
    """Whether a certificate is for a host: by its DNS names, or by its common name where it has none of those."""
    patterns = certificate.san_dns or ([] if certificate.cn is None else [certificate.cn])
    host = host.lower()
    return any(_matches(pattern.lower(), host) for pattern in patterns)


_HIDDEN = re.compile(r"[a-z0-9-]+")
_PARENT = re.compile(r"(?!-)[a-z0-9-]+(?<!-)(\.(?!-)[a-z0-9-]+(?<!-))+")


def _matches(pattern: str, host: str) -> bool:
    """Whether a name is that of a host, or a wildcard of one label in front of at least two others. The asterisk stands at
    one end of its label.
    """
    if pattern == host:
        return host != ""
    first, _, rest = pattern.partition(".")
    label, _, parent = host.partition(".")
    if first.count("*") != 1 or rest != parent or not _PARENT.fullmatch(rest):
        return False
    before, _, after = first.partition("*")
    if before and after:
        return False
    if (before or after) and (first.startswith("xn--") or label.startswith("xn--")):
        return False
    if len(label) < len(first) - 1 or not (label.startswith(before) and label.endswith(after)):
        return False
    hidden = label[len(before) : len(label) - len(after)]
    # The asterisk alone stands for one character at least.
    return _HIDDEN.fullmatch(hidden) is not None if hidden else first != "*"

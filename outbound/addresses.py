"""Rules on IP addresses that may be dialled, checked before any name or list."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

# Addresses never dialled as public. The table is ours because ipaddress.is_global changes between releases of Python
# 3.11.
NOT_PUBLIC_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's own agent answers on this public-looking address
    )
)
# Only 2000::/3 is allocated as public. These parts of it are excluded: 2001::/23 holds Teredo, 2002::/16 is 6to4.
PUBLIC_V6 = IPv6Network("2000::/3")
NOT_PUBLIC_V6 = tuple(IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
NAT64 = IPv6Network("64:ff9b::/96")

PRIVATE_V4 = tuple(
    IPv4Network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10")
)
PRIVATE_V6 = (IPv6Network("fc00::/7"), IPv6Network("::1/128"))
# Clouds serve credentials on these addresses. They lie within private ranges, so each is listed; 169.254.0.0/16 is in
# neither table.
METADATA = frozenset(ip_address(text) for text in ("100.100.100.200", "fd00:ec2::254", "fd20:ce::254", "fd00:42::42"))


def read_address(text: str) -> Address | None:
    """Return the address in a text, or None. Accepts only four decimal numbers, or IPv6 without a zone."""
    if "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def unwrap(address: Address) -> Address:
    """Return the address that is really reached: the IPv4 one inside a mapped or NAT64 address, else the same one."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Return whether the address belongs to the open Internet, and carries no other address that does not."""
    reached = unwrap(address)
    if isinstance(reached, IPv4Address):
        return not any(reached in network for network in NOT_PUBLIC_V4)
    return reached in PUBLIC_V6 and not any(reached in network for network in NOT_PUBLIC_V6)


def is_private(address: Address) -> bool:
    """Return whether an entry may list the address: private or loopback ones, never link-local or metadata."""
    reached = unwrap(address)
    if reached in METADATA:
        return False
    networks = PRIVATE_V4 if isinstance(reached, IPv4Address) else PRIVATE_V6
    return any(reached in network for network in networks)

"""Which addresses may be dialled behind a listed name, and which entries a list takes."""

import pytest

from outbound.guard import AllowList, Refused, Target, address_allowed


def words(text: str) -> list[str]:
    return text.split()


PUBLIC = words("""
    8.8.8.8 1.1.1.1 100.63.255.255 172.32.0.1 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808
""")
PRIVATE = words("""
    10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 127.0.0.1 127.9.9.9 100.64.0.1 ::1 fd12::1 fc00::1
    ::ffff:10.0.0.1 ::ffff:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a00:1
""")
NEVER = words("""
    0.0.0.0 0.1.2.3 169.254.169.254 169.254.0.1 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1
    203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 168.63.129.16 100.100.100.200 :: fe80::1 fe80::1%eth0
    fec0::1 ff02::1 2001:db8::1 fd00:ec2::254 2002:7f00:1:: 2002:808:808::1 2001::1 2001:0:7f00:1::
    64:ff9b:1::7f00:1 ::127.0.0.1 100::1 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe ::ffff:0:127.0.0.1 3fff::1
    5f00::1 fd20:ce::254 gate.example.com 0x7f.1 2130706433 127.1
""")

NAME = Target("https", "gate.example.com", 443, may_be_private=False)
PAIR = Target("https", "gate.example.com", 8443, may_be_private=True)


@pytest.mark.parametrize("ip", PUBLIC)
def test_a_public_address_is_dialled(ip: str) -> None:
    assert address_allowed(ip, NAME)
    assert address_allowed(ip, PAIR)


@pytest.mark.parametrize("ip", PRIVATE)
def test_a_private_address_is_dialled_only_for_an_entry_with_a_port_or_an_address(ip: str) -> None:
    assert not address_allowed(ip, NAME)
    assert address_allowed(ip, PAIR)


@pytest.mark.parametrize("ip", [*NEVER, ""])
def test_some_addresses_are_never_dialled(ip: str) -> None:
    assert not address_allowed(ip, NAME)
    assert not address_allowed(ip, PAIR)


def test_for_an_address_only_that_address_is_dialled() -> None:
    target = Target("http", "10.1.2.3", 80, may_be_private=True)
    assert address_allowed("10.1.2.3", target)
    assert not address_allowed("10.1.2.4", target)
    assert not address_allowed("8.8.8.8", target)


BAD_ENTRIES = words("""
    https://gate.example.com gate.example.com/ * *.example.com . ..example.com user@host gate.example.com:x
    gate.example.com:0 gate.example.com:70000 .example.com:80 127.1 0x7f000001 2130706433 [::1 ::1%lo fe80::1
    169.254.169.254 169.254.169.254:80 0.0.0.0 224.0.0.1 100.100.100.200 -a.example a,b [10.0.0.1]
""")


@pytest.mark.parametrize("entry", [*BAD_ENTRIES, "a b", "a" * 64 + ".example"])
def test_a_bad_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError) as caught:
        AllowList.parse(["gate.example.com", entry], allow_http=False)
    assert repr(entry) in str(caught.value)


def test_lists_compare_by_content_and_skip_blank_entries() -> None:
    one = AllowList.parse(
        ["a.example", " ", "", " B.example. ", "[::1]:80", ".x.example", ".y.example"], allow_http=False
    )
    two = AllowList.parse([".y.example", ".x.example", "[0::1]:80", "b.example", "a.example"], allow_http=False)
    assert one == two and hash(one) == hash(two)
    assert one != AllowList.parse(["a.example"], allow_http=False)


def test_an_ipv6_entry_stands_without_brackets_for_every_port() -> None:
    allow = AllowList.parse(["fd12::5"], allow_http=True)
    assert allow.check_uri("http://[fd12::5]:81/").may_be_private
    with pytest.raises(Refused):
        allow.check_uri("http://[fd12::6]:81/")


def test_a_connection_is_judged_like_a_uri() -> None:
    allow = AllowList.parse(["fd12::5", "gate.example.com:8443"], allow_http=False)
    assert allow.check_host("https", "fd12::5", 443).host == "fd12::5"
    assert allow.check_host("https", "[fd12::5]", 443).host == "fd12::5"
    assert allow.check_host("https", "gate.example.com", 8443).may_be_private
    with pytest.raises(Refused):
        allow.check_host("http", "gate.example.com", 8443)

"""What can be the address of a machine, and what is refused."""

from __future__ import annotations

import pytest

from edgecnn.core.errors import InputError
from edgecnn.devices.ssh.address import SshAddress


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("raspberrypi", SshAddress("raspberrypi")),
        ("pi@raspberrypi.local", SshAddress("raspberrypi.local", "pi")),
        ("pi@10.0.0.7:2222", SshAddress("10.0.0.7", "pi", 2222)),
        ("pi@[fe80::1%eth0]:22", SshAddress("fe80::1%eth0", "pi", 22)),
        ("::1", SshAddress("::1")),
    ],
)
def test_addresses_are_read_and_written(text: str, address: SshAddress) -> None:
    assert SshAddress.parse(text) == address
    assert SshAddress.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "@", "pi@", "@host", "-oProxyCommand=x", "-x@host", "a b", "h\n", "h;ls", "h$(id)",
     "a@b@c", "pi@-x", "h:", "h:0", "h:65536", "h:x", "h:-1", "[::1", "h\0", "h" * 300, "\u202eh"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        SshAddress.parse(text)


@pytest.mark.parametrize("field", ["identity", "python"])
@pytest.mark.parametrize("path", ["", "-c", "a\nb"])
def test_hostile_paths_are_refused(field: str, path: str) -> None:
    with pytest.raises(InputError, match=field):
        SshAddress("host", **{field: path})

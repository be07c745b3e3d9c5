"""The file of devices: names, comments that stay, and what is wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.devices.inventory import BUILT_IN_DEVICES, Inventory
from edgecnn.devices.ssh.address import SshAddress


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(tmp_path / "new folder" / "devices.toml")


def test_pi_is_there_from_the_start(inventory: Inventory) -> None:
    assert inventory.find("pi") == SshAddress("raspberrypi.local", "pi")
    assert (inventory.added_devices(), inventory.devices()) == (
        {},
        {"pi": SshAddress("raspberrypi.local", "pi")},
    )
    assert inventory.find("kitchen") is None
    assert not inventory.path.exists()


def test_what_is_added_is_found(inventory: Inventory) -> None:
    odd = SshAddress("h", "u", 7, identity='~/ü "x"\\', python="/opt/a b/python")
    inventory.add("pi-4_a", odd)
    inventory.add("pi", SshAddress("10.0.0.7"))
    assert inventory.added_devices() == {"pi-4_a": odd, "pi": SshAddress("10.0.0.7")}
    inventory.add("pi-4_a", SshAddress("other"))
    assert inventory.find("pi-4_a") == SshAddress("other")
    inventory.remove("pi")
    assert str(inventory.find("pi")) == BUILT_IN_DEVICES["pi"]
    assert [path.name for path in inventory.path.parent.iterdir()] == ["devices.toml"]


def test_comments_stay(inventory: Inventory) -> None:
    inventory.add("a", SshAddress("1.1.1.1"))
    text = inventory.path.read_text()
    assert text.startswith("# Devices for")
    inventory.path.write_text(text + '\n["b"] # mine\n# in the kitchen\nhost = "2.2.2.2"\n')
    inventory.add("a", SshAddress("3.3.3.3"))
    assert "# mine\n# in the kitchen\n" in inventory.path.read_text()
    inventory.remove("b")
    assert "kitchen" not in inventory.path.read_text().split("[a]")[1]
    assert inventory.added_devices() == {"a": SshAddress("3.3.3.3")}


@pytest.mark.parametrize(
    "name", ["desktop", "", "-x", "a b", "a.b", "a]\n[b", "../a", "ü", "a" * 64]
)
def test_hostile_names_are_refused(name: str, inventory: Inventory) -> None:
    with pytest.raises(InputError):
        inventory.add(name, SshAddress("host"))
    assert not inventory.path.exists()


def test_who_is_not_there_cannot_be_removed(inventory: Inventory) -> None:
    with pytest.raises(InputError, match="no device 'pi' was added"):
        inventory.remove("pi")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a", "no TOML"),
        ("a = 1", "needs a table"),
        ("[[a]]\nhost='h'", "needs a table"),
        ("[a]\nuser='x'", "host"),
        ("[a]\nhost=1", "host is 1"),
        ("[a]\nhost=1979-05-27", "host is datetime.date"),
        ("[a]\nhost=['h']", "host is ['h']"),
        ("[a]\nhost='h'\nport=true", "port"),
        ("[a]\nhost='h'\nport=0", "port 0"),
        ("[a]\nhost='h'\nport=65536", "port 65536"),
        ("[a]\nhost='h'\nport=22.0", "port is 22.0"),
        ("[a]\nhost='h'\nport=nan", "port is nan"),
        (f"[a]\nhost='h'\nport=0x{'f' * 5000}", "more than 64 bits"),
        (f"[a]\nhost='h'\nport={'9' * 5000}", "no TOML"),
        ("[a]\nhost='-oProxyCommand=x'", "cannot be the name of a host"),
        ("[a]\nhost='h -oProxyCommand=x'", "cannot be the name of a host"),
        ('[a]\nhost="h\\nUser root"', "cannot be the name of a host"),
        (f"[a]\nhost='{'h' * 1_000_000}'", "cannot be the name of a host"),
        ("[a]\nhost='h'\nuser='-l root'", "cannot be the name of a user"),
        ('[a]\nhost="h"\nidentity="key\\u0000"', "cannot be the path of identity"),
        ('[a]\nhost="h"\nidentity="-F x"', "cannot be the path of identity"),
        ('[a]\nhost="h"\npython=""', "cannot be the path of python"),
        ("[a]\nhost='h'\npassword='x'", "'password' is not one of"),
        ("[a.b]\nhost='h'", "'b' is not one of"),
        ("[a]\nhost='h'\ntransport='carrier pigeon'", "is no way to reach a device"),
        ('["-x"]\nhost="h"', "'-x' cannot be"),
        ('["a\\nb"]\nhost="h"', "cannot be"),
        ("[desktop]\nhost='h'", "is the machine itself"),
        ("a." * 200 + "b = 1", "nested more than"),
        ("#" * (1 << 20) + "#", "is too large"),
    ],
)
def test_what_is_wrong_in_the_file_is_said(text: str, said: str, inventory: Inventory) -> None:
    inventory.path.parent.mkdir()
    inventory.path.write_text(text)
    for change in (inventory.devices, lambda: inventory.add("b", SshAddress("host"))):
        with pytest.raises(InputError) as caught:
            change()
        line = str(caught.value)
        assert said in line and "devices.toml" in line
        assert line.isprintable() and len(line) < 500
    assert inventory.path.read_text() == text


def test_a_file_that_is_no_utf_8_is_said_with_its_line(inventory: Inventory) -> None:
    inventory.path.parent.mkdir()
    inventory.path.write_bytes(b"[a]\nhost='h'\n# K\xfcche\n")
    with pytest.raises(InputError, match=r"devices\.toml' is not UTF-8 in line 3"):
        inventory.devices()
    inventory.path.write_bytes(b"\xef\xbb\xbf[a]\r\nhost='h'\r\n")
    assert inventory.added_devices() == {"a": SshAddress("h")}


@pytest.mark.parametrize(
    "text", ["a = {host = 'h'}\n", "a.host = 'h'\n", "b = {host = 'h'}\n[ 'a' ]\nhost = 'h'\n"]
)
def test_a_device_in_a_rare_form_of_toml_is_not_destroyed(text: str, inventory: Inventory) -> None:
    inventory.path.parent.mkdir()
    inventory.path.write_text(text)
    before = inventory.added_devices()
    name = next(iter(before))
    for change in (
        lambda: inventory.add(name, SshAddress("other")),
        lambda: inventory.remove(name),
    ):
        with pytest.raises(InputError, match="change it by hand"):
            change()
    assert inventory.path.read_text() == text
    inventory.add("c", SshAddress("third"))
    assert inventory.added_devices() == {**before, "c": SshAddress("third")}

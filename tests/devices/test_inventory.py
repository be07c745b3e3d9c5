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
    assert (inventory.own(), inventory.all()) == ({}, {"pi": SshAddress("raspberrypi.local", "pi")})
    assert inventory.find("kitchen") is None
    assert not inventory.path.exists()


def test_what_is_added_is_found(inventory: Inventory) -> None:
    odd = SshAddress("h", "u", 7, identity='~/ü "x"\\', python="/opt/a b/python")
    inventory.add("pi-4_a", odd)
    inventory.add("pi", SshAddress("10.0.0.7"))
    assert inventory.own() == {"pi-4_a": odd, "pi": SshAddress("10.0.0.7")}
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
    assert inventory.own() == {"a": SshAddress("3.3.3.3")}


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
        ("[a]\nuser='x'", "host"),
        ("[a]\nhost=1", "host is 1"),
        ("[a]\nhost='h'\nport=true", "port"),
        ("[a]\nhost='h'\nport=0", "port 0"),
        ("[a]\nhost='-oProxyCommand=x'", "cannot be the name"),
        ("[a]\nhost='h'\npassword='x'", "'password' is not one of"),
        ('["-x"]\nhost="h"', "'-x' cannot be"),
    ],
)
def test_what_is_wrong_in_the_file_is_said(text: str, said: str, inventory: Inventory) -> None:
    inventory.path.parent.mkdir()
    inventory.path.write_text(text)
    for change in (inventory.all, lambda: inventory.add("b", SshAddress("host"))):
        with pytest.raises(InputError, match=said):
            change()
    assert inventory.path.read_text() == text

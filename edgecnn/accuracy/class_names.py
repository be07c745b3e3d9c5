"""Matching the class names of data with the labels of a model's outputs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from edgecnn.model_metadata.labels import IMAGENET_OUTPUTS, imagenet_labels, imagenet_wnids

WNID = re.compile(r"n\d{8}(?!\d)")
"""A WordNet id, which ImageNet's folders have as names: ``n01440764``."""

NUMBER_BEFORE = re.compile(r"^\d+[\s:._)-]+(?=.*[^\W\d])")
"""A number before a name, as some programs write it in labels and folders: ``0 cat``, ``1_dog``."""

BACKGROUND_NAMES = ("background", "dummy", "unlabeled")
"""Labels of an output that stands for none of the classes, in small letters."""


@dataclass(frozen=True)
class ClassName:
    """What a name says: ``"n01440764 tench, Tinca tinca"`` has a WordNet id and two synonyms.

    Args:
        text: The name as it is written, without spaces around it.
        wnid: The WordNet id in the name; empty if there is none.
        synonyms: The words for the class; where the name is a WordNet id alone, ImageNet's name of
            it.
    """

    text: str
    wnid: str
    synonyms: tuple[str, ...]

    @classmethod
    def of(cls, name: str) -> ClassName:
        """Return what a name says."""
        text = name.strip()
        found = WNID.match(text)
        wnid = found[0] if found else ""
        words = [part.strip() for part in text[len(wnid) :].strip(" \t:-_").split(",")]
        known = _imagenet_names().get(wnid)
        return cls(text, wnid, tuple(filter(None, words)) or ((known,) if known else ()))

    @property
    def is_plain(self) -> bool:
        """Whether the name is a single word or phrase."""
        return len(self.synonyms) == 1


def plain(text: str) -> str:
    """Return a name in small letters, without spaces, hyphens, underscores and other signs.

    Example:
        >>> plain("Granny_Smith's")
        'grannysmiths'
    """
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def is_background(label: str) -> bool:
    """Return whether a label says that its output stands for none of the classes."""
    return plain(label) in BACKGROUND_NAMES


Keys = Callable[[ClassName], Iterable[str]]


def _first(name: ClassName) -> Iterable[str]:
    return name.synonyms[:1]


def _only(name: ClassName) -> Iterable[str]:
    # Of several synonyms the first is no name by itself: "maillot, tank suit" is not "maillot".
    return name.synonyms if name.is_plain else ()


def _unnumbered(name: ClassName) -> Iterable[str]:
    return (plain(NUMBER_BEFORE.sub("", word, count=1)) for word in name.synonyms)


def _plain(keys: Keys) -> Keys:
    return lambda name: map(plain, keys(name))


WAYS: tuple[tuple[Keys, Keys], ...] = (
    (lambda name: (name.wnid,), lambda label: (label.wnid,)),
    (lambda name: (name.text,), lambda label: (label.text,)),
    (_only, _first),
    (lambda name: name.synonyms, lambda label: label.synonyms),
    (_plain(_only), _plain(_first)),
    (_plain(lambda name: name.synonyms), _plain(lambda label: label.synonyms)),
    (_unnumbered, _unnumbered),
    (lambda name: map(_imagenet_wnid, name.synonyms), lambda label: (label.wnid,)),
)
"""The ways in which a name can match a label, the surest first: texts that the name has, and texts
that the label has."""


def matching_outputs(names: Mapping[int, str], labels: Sequence[str]) -> dict[int, tuple[int, ...]]:
    """Return for each class of data the outputs whose labels match its name.

    Args:
        names: Class of the data -> its name.
        labels: A label for each output of the model.

    Returns:
        Class -> outputs, each once and in order: none, one, or several where the name is ambiguous.
        Of the ways in which names can match only the surest one that finds an output counts.

    Example:
        >>> matching_outputs({0: "Truck", 1: "ship"}, ["ship", "truck"])
        {0: (1,), 1: (0,)}
    """
    own = {number: ClassName.of(name) for number, name in names.items()}
    theirs = _label_names(labels)
    found: dict[int, tuple[int, ...]] = dict.fromkeys(names, ())
    for keys, label_keys in WAYS:
        left = [number for number, hits in found.items() if not hits]
        if not left:
            break
        outputs: dict[str, list[int]] = {}
        for output, label in enumerate(theirs):
            for key in label_keys(label):
                outputs.setdefault(key, []).append(output)
        for number in left:
            hits = {o for key in keys(own[number]) if key for o in outputs.get(key, ())}
            found[number] = tuple(sorted(hits))
    return found


def _label_names(labels: Sequence[str]) -> list[ClassName]:
    """Return what labels say; ImageNet's have their WordNet ids, whether they say them or not.

    Labels are ImageNet's if more than half of its names stand in ImageNet's order: some names
    differ from one list to the next, and "crane" is the name of two classes in most of them.
    """
    names = [ClassName.of(label) for label in labels]
    if len(names) not in IMAGENET_OUTPUTS:
        return names
    imagenet = [(wnid, plain(name)) for wnid, name in _imagenet_names().items()]
    for start in range(len(names) - len(imagenet) + 1):
        pairs = list(zip(names[start:], imagenet, strict=False))
        agree = sum(known in map(plain, name.synonyms[:1]) for name, (_, known) in pairs)
        if 2 * agree > len(imagenet):
            named = [replace(name, wnid=name.wnid or wnid) for name, (wnid, _) in pairs]
            return [*names[:start], *named, *names[start + len(imagenet) :]]
    return names


@cache
def _imagenet_names() -> dict[str, str]:
    """Return WordNet id -> name of ImageNet's classes, in their order."""
    return dict(zip(imagenet_wnids(), imagenet_labels(IMAGENET_OUTPUTS[0]) or (), strict=True))


@cache
def _wnids_by_name() -> dict[str, str]:
    return {plain(name): wnid for wnid, name in _imagenet_names().items()}


def _imagenet_wnid(name: str) -> str:
    """Return the WordNet id of one of ImageNet's names; empty for other names."""
    return _wnids_by_name().get(plain(name), "")

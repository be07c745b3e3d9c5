"""Which client libraries take a ``.tflite`` file as it is, and why others do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgecnn.inspection.client_rules import CLIENT_RULES, CLIENTS, NO_CLASSIFIER, Rule
from edgecnn.inspection.file_facts import FileFacts
from edgecnn.model_metadata.public_metadata import ModelMetadata
from edgecnn.tflite.reading import TfliteModel


@dataclass(frozen=True)
class ClientVerdict:
    """Whether one client takes a file as it is, and answers as the model means.

    Args:
        client: Name of the client, one of ``CLIENTS``.
        ok: Whether the file is drop-in for the client; None where that is not known, as the client
            was never run on such a file.
        reasons: Why the file is not drop-in, each with the remedy where there is one, or why it is
            not known; empty if ``ok``.
    """

    client: str
    ok: bool | None
    reasons: tuple[str, ...]


def clients_for(
    model: TfliteModel,
    metadata: ModelMetadata | None = None,
    labels: Sequence[str] | None = None,
) -> tuple[ClientVerdict, ...]:
    """Say for each client whether it takes a file as it is, and why not.

    Args:
        model: The file's structure.
        metadata: The file's public metadata; None if it has none.
        labels: The labels packed for the first output; None if there are none.

    Returns:
        One verdict for each of ``CLIENTS``, in that order.

    Example:
        >>> [v.client for v in clients_for(read_model(path)) if not v.ok]
        ['MediaPipe Tasks ImageClassifier', '@mediapipe/tasks-vision']
    """
    return verdicts_on(FileFacts(model, metadata, None if labels is None else len(labels)))


def verdicts_on(facts: FileFacts) -> tuple[ClientVerdict, ...]:
    """Say for each client whether it takes a file with these facts as it is, and why not."""
    if not facts.model.inputs or not facts.model.outputs:
        ends = ("it has no input or no output",)
        return tuple(ClientVerdict(client, False, ends) for client in CLIENTS)
    broken = [(rule, why) for rule in CLIENT_RULES if (why := rule.broken(facts))]
    return tuple(_verdict(client, broken) for client in CLIENTS)


def _verdict(client: str, broken: Sequence[tuple[Rule, str]]) -> ClientVerdict:
    """Refusals come before doubts, which are told only where nothing is refused."""
    refused, doubted = (
        tuple(why for rule, why in broken if client in rule.clients and rule.is_doubt == is_doubt)
        for is_doubt in (False, True)
    )
    if refused:
        return ClientVerdict(client, False, refused)
    return ClientVerdict(client, None if doubted else True, doubted)


def drop_in_warnings(verdicts: Sequence[ClientVerdict]) -> tuple[str, ...]:
    """Say why a file is not drop-in: one line a reason, with the clients that it shuts out.

    Example:
        >>> drop_in_warnings(clients_for(read_model("logits.tflite"), metadata, labels))
        ('not drop-in for MediaPipe Tasks ImageClassifier and ...: it answers logits, ...',)
    """
    by_reason: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        what = "not drop-in for" if verdict.ok is False else "not known to be drop-in for"
        for reason in verdict.reasons:
            # Whoever converts a model that is no classifier does not want one for it.
            if reason.startswith(NO_CLASSIFIER):
                continue
            by_reason.setdefault((what, reason), []).append(verdict.client)
    return tuple(
        f"{what} {' and '.join(clients)}: {reason}" for (what, reason), clients in by_reason.items()
    )

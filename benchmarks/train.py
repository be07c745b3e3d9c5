"""Networks with real accuracy for fidelity.py to judge: trained in minutes, on two cores.

    python benchmarks/train.py --digits FOLDER
    python benchmarks/train.py mobilenet_v3_small FILE.keras --train DATA --test DATA

``--digits`` trains those networks that the folder lacks, each with settings of its own, on the
digits that come along. The second form takes any DATA at 32x32 pixels, as CIFAR-10 in class
folders.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable
from pathlib import Path

from edgecnn.data.datasets import open_dataset
from edgecnn.demo.training import ADAM, OPTIMIZERS, TrainingPlan, train

SIZE = 32

DIGITS = {
    "mobilenet_v1": (0.5, 16, 3e-3),
    "mobilenet_v2": (0.35, 16, 3e-3),
    "mobilenet_v3_small": (0.5, 6, 3e-3),
    "mobilenet_v3_large": (0.35, 10, 3e-3),
    "mobilenet_v4_conv_small": (0.35, 10, 3e-3),
    "efficientnet_b0": (0.25, 8, 3e-3),
    "efficientnet_lite0": (0.25, 12, 3e-3),
    "resnet18": (0.25, 5, 2e-3),
    "se_resnet50": (0.25, 5, 2e-3),
    "inception_v1": (0.25, 6, 2e-3),
    "xception": (0.25, 4, 2e-3),
    "densenet121": (0.25, 4, 2e-3),
    "shufflenet_v2": (0.5, 16, 3e-3),
}
"""Networks for the built-in digits: width multiplier, epochs, learning rate; one or two minutes."""

DIGITS_BATCH = 32
"""Images a step: 1,433 make few steps an epoch, and it takes hundreds to settle normalisation."""


def main() -> None:
    """Train what the options say, and print each network's accuracy."""
    parser = option_parser()
    options = parser.parse_args()
    if options.digits:
        return train_digits(options.digits, options.only or DIGITS)
    if not (options.name and options.file and options.train and options.test):
        return parser.print_help()
    train_one(options)


def option_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("name", nargs="?", help="a registered network")
    add("file", nargs="?", type=Path, help="the .keras file to write")
    add("--train", metavar="DATA", help="labelled images to train on")
    add("--test", metavar="DATA", help="labelled images that are held out")
    add("--alpha", type=float, default=1.0, help="width multiplier")
    add("--epochs", type=int, default=4)
    add("--learning-rate", type=float, default=3e-3)
    add("--batch", type=int, default=64)
    add("--optimizer", choices=OPTIMIZERS, default=ADAM)
    add("--digits", metavar="FOLDER", type=Path, help="train the networks for the digits there")
    add("--only", metavar="NAME", nargs="+", help="with --digits: these networks")
    return parser


def train_digits(folder: Path, names: Iterable[str]) -> None:
    """Train the networks that a folder lacks."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        alpha, epochs, rate = DIGITS[name]
        data, target = ("digits-train", "digits"), folder / f"{name}.keras"
        if not target.exists():
            show(
                TrainingPlan(name, alpha, SIZE, *data, 10, epochs, math.inf, rate, DIGITS_BATCH),
                target,
            )


def train_one(options: argparse.Namespace) -> None:
    """Train one network on the user's data."""
    classes = len(set(open_dataset(options.train).labels or ()))
    plan = TrainingPlan(
        options.name,
        options.alpha,
        SIZE,
        options.train,
        options.test,
        classes,
        options.epochs,
        math.inf,
        options.learning_rate,
        options.batch,
        options.optimizer,
    )
    show(plan, options.file)


def show(plan: TrainingPlan, target: Path) -> None:
    """Train and say how well it went."""
    trained = train(plan, target, lambda fraction: None)
    says = f"{trained.top1_percent:.1f} % in {trained.seconds:.0f} s"
    print(f"{plan.model}: {says}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

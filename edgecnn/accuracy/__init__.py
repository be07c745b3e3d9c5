"""What the answers of a classifier say: shares with intervals, classes, calibration, agreement."""

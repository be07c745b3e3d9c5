"""A golden sample: fixed pictures, and the answers that a file gave to them when it was made."""

#!/bin/sh
# Makes the virtual environment $1 with everything that development needs, at the tested versions.
# PYTHON chooses the interpreter; else the first suitable one on the PATH is taken.
set -eu

venv=$1
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV 2>/dev/null || true

suits() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

python=${PYTHON:-}
if [ -n "$python" ]; then
    suits "$python" || { echo "PYTHON=$python is not Python 3.10-3.13" >&2; exit 1; }
else
    for candidate in python3 python3.13 python3.12 python3.11 python3.10 python; do
        if suits "$candidate"; then python=$candidate; break; fi
    done
fi
if [ -z "$python" ]; then
    echo "Python 3.10, 3.11, 3.12 or 3.13 is needed: install one, or name it: make PYTHON=/path/to/python3" >&2
    exit 1
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "$python cannot make virtual environments: install its venv package (Debian: python3-venv)" >&2
    exit 1
fi

echo "setting up $venv with $("$python" --version) (about a minute, 2 GB)"
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt pip setuptools
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
    --no-build-isolation --editable '.[all,dev]'

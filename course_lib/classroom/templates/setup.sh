#!/usr/bin/env bash
# Gradescope runs this once, when it builds the image: Python 3.11 or newer, and what judging needs.
set -euo pipefail
root=${AUTOGRADER:-/autograder}

apt-get update
apt-get install -y python3 python3-venv libseccomp2
python=python3
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    apt-get install -y python3.11 python3.11-venv
    python=python3.11
fi
$python -m venv "$root/venv"
"$root/venv/bin/pip" install -r "$root/source/requirements.txt"
# The processes that run students' code keep no environment, so the course is on the path for all.
"$root/venv/bin/python" -c 'import site, sys; print(sys.argv[1], file=open(site.getsitepackages()[0] + "/course.pth", "w"))' "$root/source"

#!/usr/bin/env bash
# Run once by Gradescope, as root, when the image is built: Python, the course, and what it needs.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends python3 python3-venv
cd /autograder/source/course
python3 -m venv .venv
# For a smaller image, give the index of CPU builds that PyTorch documents, in PIP_EXTRA_INDEX_URL.
.venv/bin/pip install --no-cache-dir torch==2.13.0
.venv/bin/pip install --no-cache-dir -r requirements.lock
.venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e .
chmod -R o= /autograder/source/course/solutions /autograder/source/course/tests

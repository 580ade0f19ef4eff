#!/usr/bin/env bash
set -euo pipefail
compiler=gcc
# shellcheck source=tests/malloc/programs/compile.sh
. "$PROGRAMS/compile.sh"

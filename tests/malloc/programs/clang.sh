#!/usr/bin/env bash
set -euo pipefail
compiler=clang
# shellcheck source=tests/malloc/programs/compile.sh
. "$PROGRAMS/compile.sh"

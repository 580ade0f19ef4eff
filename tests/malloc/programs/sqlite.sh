#!/usr/bin/env bash
set -euo pipefail
sqlite3 -batch test.db <"$PROGRAMS/sqlite.sql"
sqlite3 -batch test.db .dump | cksum

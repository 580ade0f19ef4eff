#!/usr/bin/env bash
set -euo pipefail
export PERL_HASH_SEED=0
perl "$PROGRAMS/perl.pl"

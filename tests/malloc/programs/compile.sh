# shellcheck shell=bash
# One large C file through $compiler, which the caller sets: assembly with debugging symbols, an object file, the
# linked program and what it says, diagnostics.
compiler=${compiler:?}
awk -v n=50 -f "$PROGRAMS/large_c.awk" >large.c
"$compiler" -std=c11 -O2 -g -S -o large.s large.c
"$compiler" -std=c11 -O1 -c -o large.o large.c
"$compiler" -o large large.o
cksum large.c large.s large.o large
./large
! "$compiler" -std=c11 -Wall -Wextra -c -o /dev/null -x c - 2>diagnostics <<<'int f(int a) { return b; } int g() {'
cat diagnostics

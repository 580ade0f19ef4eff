#!/usr/bin/env bash
# A tree packed, compressed by several programs, unpacked and compared.
set -euo pipefail

mkdir tree
awk 'BEGIN {
    x = 7
    for (f = 0; f < 100; f++)
        for (i = 0; i < 1500; i++) {
            x = (x * 69069 + 12345) % 4294967296
            print x % 65536, "line", i, x % 7 ? "again" : x > ("tree/file" f)
        }
}'
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf tree.tar tree
cksum tree.tar
gzip -9nk tree.tar
xz -2k -T2 --block-size=1MiB tree.tar
cksum tree.tar.gz tree.tar.xz
gzip -dc tree.tar.gz | cmp - tree.tar
xz -T2 -dc tree.tar.xz | cmp - tree.tar
mkdir unpacked
tar -C unpacked -xJf tree.tar.xz
diff -r tree unpacked/tree
find unpacked -type f | wc -l

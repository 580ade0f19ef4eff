#!/usr/bin/env bash
# Text of 60,000 lines through the small tools, and arrays and strings in bash itself.
set -euo pipefail

awk 'BEGIN {
    x = 1
    for (i = 0; i < 60000; i++) {
        x = (x * 69069 + 12345) % 4294967296
        printf "%d word%d %s\n", x, x % 1000, substr("the quick brown fox jumps over the lazy dog", 1 + x % 30)
    }
}' >text

sort text >sorted
sort -n -k1,1 -S 1M --parallel=2 text >numeric # runs are merged from files
sort -u -k2,2 text | cut -d' ' -f2 | sed -n '1~50p'
cksum text sorted numeric
awk '{ count[$2]++; last[$2] = $0 } END { for (w in count) print count[w], w, last[w] }' text | sort | cksum
sed -E 's/(quick|lazy) ([a-z]+)/\2 \1/g; s/word([0-9])/w\1-/' text | cksum
grep -cE '(brown|over).*(fox|dog)$' text
grep -vF word99 text | tr '[:lower:]' '[:upper:]' | fold -w 40 | uniq -c | tail -n 3
sed '5,60000s/word7/WORD7/' text >changed
{ diff text changed || true; } | cksum

mkdir tree
for i in {1..200}; do
    echo "$i" >"tree/file-$i"
done
find tree -type f -name '*7*' | sort | xargs cat | paste -sd+ | tee sum | cksum

declare -A seen
list=() joined=
for i in {1..20000}; do
    key=k$((i * 7919 % 5003))
    seen[$key]=${seen[$key]:-}x
    list+=("$i:$key")
done
for key in k1 k77 k5002; do
    echo "$key ${#seen[$key]}"
done
printf -v joined '%s,' "${list[@]:100:5000}"
echo "${#seen[@]} ${#joined} ${joined//:k1/:K}" | cksum
for i in {1..100}; do # forks
    line=$(printf '%s\n' "$i")
    echo "$line"
done | cksum

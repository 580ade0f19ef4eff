#!/usr/bin/env bash
# A repository whose every hash is known: imported and made commits, merges, gc with threads, a clone.
set -euo pipefail
export GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 GIT_PAGER=cat
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_AUTHOR_DATE='1700000000 +0000'
export GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.org GIT_COMMITTER_DATE='1700000000 +0000'

git init -q -b main repository
cd repository
git config pack.threads 2
git config gc.auto 0

# 400 commits, each of which changes some of 50 files.
awk 'BEGIN {
    x = 3
    for (c = 1; c <= 400; c++) {
        printf "commit refs/heads/main\ncommitter C <c@example.org> %d +0000\ndata <<END\nChange %d\nEND\n", 1600000000 + c, c
        for (k = 0; k < 5; k++) {
            x = (x * 69069 + 12345) % 4294967296
            f = int(x / 65536) % 50
            text[f] = text[f] "line " x "\n"
            printf "M 100644 inline dir%d/file%d\ndata %d\n%s\n", f % 7, f, length(text[f]), text[f]
        }
    }
}' | git fast-import --quiet
git reset -q --hard main

for i in {1..15}; do
    git checkout -q -b "topic$i" "main~$i"
    echo "$i" >"new$i"
    git add "new$i"
    git commit -q -m "Topic $i"
    git checkout -q main
    git merge -q --no-edit "topic$i"
done
git rev-parse HEAD 'HEAD^{tree}'
git gc -q --prune=now --aggressive
git fsck --strict --no-progress
git log --stat --format='%H %an %s' | cksum
git log --graph --oneline -n 5
git log -p -S'line 4' --format=%h -- dir1 | cksum
git blame dir3/file3 | cksum
git diff --stat HEAD~50 | tail -n 1
git grep -c 7777 | cksum
git clone -q --no-local . ../clone
git -C ../clone rev-list --all --objects | sort | cksum
git archive HEAD | cksum

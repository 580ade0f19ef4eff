#!/usr/bin/env bash
# A server on a socket of its own: a benchmark, data of all kinds, a save by a forked child while writes go on,
# lazy freeing by another thread, a restart from what was saved.
set -euo pipefail

start() {
    redis-server --port 0 --unixsocket "$PWD/socket" --save '' --dir "$PWD" --logfile server.log --io-threads 2 &
    server=$!
    for _ in {1..200}; do
        if cli ping >/dev/null 2>&1; then
            return
        fi
        sleep 0.05
    done
    cat server.log
    return 1
}

cli() {
    redis-cli -s socket "$@"
}

stop() {
    cli shutdown nosave
    wait "$server"
}

# All keys in order with type and content; sets and hashes have no order of their own.
digest() {
    cli dbsize
    cli eval_ro "
        local keys = redis.call('keys', '*')
        table.sort(keys)
        local sum = ''
        for _, k in ipairs(keys) do
            local type, all = redis.call('type', k).ok, {}
            if type == 'string' then all = {redis.call('get', k)}
            elseif type == 'list' then all = redis.call('lrange', k, 0, -1)
            elseif type == 'zset' then all = redis.call('zrange', k, 0, -1, 'withscores')
            elseif type == 'set' then all = redis.call('smembers', k)
            else
                local pairs = redis.call('hgetall', k)
                for i = 1, #pairs, 2 do all[#all + 1] = pairs[i] .. '=' .. pairs[i + 1] end
            end
            if type == 'set' or type == 'hash' then table.sort(all) end
            sum = redis.sha1hex(sum .. type .. k .. ':' .. table.concat(all, ','))
        end
        return sum" 0
}

# Waits for the child that saves.
saved() {
    while cli info persistence | grep -q '^rdb_bgsave_in_progress:1'; do
        sleep 0.05
    done
    cli info persistence | grep -o '^rdb_last_bgsave_status:[a-z]*'
}

start
redis-benchmark -s socket -q -c 20 -n 4000 -P 8 -d 100 --threads 2 \
    -t set,get,incr,lpush,rpop,sadd,hset,zadd,spop,lrange_100,mset >benchmark 2>&1
grep -c 'requests per second' benchmark
cli flushall async

awk 'BEGIN {
    x = 5
    for (i = 0; i < 40000; i++) {
        x = (x * 69069 + 12345) % 4294967296
        k = int(x / 65536) % 3000
        v = substr("abcdefghijklmnopqrstuvwxyz0123456789", 1 + x % 20) x
        while (x % 50 == 0 && length(v) < 3000)
            v = v v
        print "SET s" k, v
        if (i % 2 == 0) print "RPUSH l" k % 100, v, i
        if (i % 3 == 0) print "HSET h" k % 500, "f" x % 97, v
        if (i % 4 == 0) print "ZADD z" k % 50, x % 1000, "m" x % 3001
        if (i % 5 == 0) print "SADD t" k % 80, "e" x % 2003
        if (i % 7 == 0) print "APPEND a" k % 200, v
        if (i % 11 == 0) print "UNLINK s" (k + 1) % 3000
        if (i % 97 == 0) print "LTRIM l" k % 100, "-500 -1"
    }
}' >commands
cli --pipe <commands | grep replies
cli bgsave
sed -n '1,20000s/^SET s/SET late/p' commands | cli --pipe | grep replies # while the child has its copy
saved
digest
cli bgsave
saved
stop
start
digest
stop

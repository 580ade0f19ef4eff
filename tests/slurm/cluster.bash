# shellcheck shell=bash
# A Slurm cluster on this machine, for a test: munge, a controller, and two nodes of a core each, on ports and in a
# directory of its own, whatever Slurm there may be besides.

cluster_missing() {
    local program
    for program in munged slurmctld slurmd sbatch; do
        PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || echo "$program"
    done
}

# start_cluster DIR: false if it does not come up in time; what the daemons say is in DIR/*.log.
start_cluster() {
    cluster=$1
    export SLURM_CONF=$cluster/slurm.conf PATH=$PATH:/usr/sbin
    mkdir -p "$cluster/state"
    head -c 1024 /dev/urandom >"$cluster/munge.key"
    chmod 400 "$cluster/munge.key"
    write_conf >"$SLURM_CONF"
    munged --force --socket="$cluster/munge.sock" --key-file="$cluster/munge.key" --pid-file="$cluster/munged.pid" \
        --log-file="$cluster/munged.log" --seed-file="$cluster/munge.seed" --num-threads=2 3>&- || return 1
    slurmctld 3>&- || return 1
    start_node n1 && start_node n2 && node_becomes n1 idle && node_becomes n2 idle
}

write_conf() {
    local host port
    host=$(hostname -s)
    port=$((20000 + $$ % 10000))
    cat <<END
ClusterName=goheap
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$cluster/munge.sock,cred_expire=5
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool.%n
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd.%n.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd.%n.log
SlurmdTimeout=5
ReturnToService=2
KillWait=2
SchedulerParameters=sched_interval=1,bf_interval=1
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=1 State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
}

start_node() { # NODE
    slurmd -N "$1" 3>&-
}

# Within 30 s; a * after the state says that it does not respond.
node_becomes() { # NODE STATE
    local tries=150
    until sinfo -h -n "$1" -o %t | grep -qx "$2\*\?"; do
        if [ "$((--tries))" -eq 0 ]; then
            sinfo -N
            return 1
        fi
        sleep 0.2
    done
}

# The processes that run goheap in a job on a node.
on_node() { # NODE
    local process
    for process in $(pgrep -x goheap); do
        if tr '\0' '\n' <"/proc/$process/environ" | grep -qx -e "SLURM_CONF=$SLURM_CONF" &&
            tr '\0' '\n' <"/proc/$process/environ" | grep -qx "SLURMD_NODENAME=$1"; then
            echo "$process"
        fi
    done 2>/dev/null
}

# As if somebody pulled the plug: the daemon, what it has started, and their children, all at once.
kill_node() { # NODE
    local process victims=("$(cat "$cluster/slurmd.$1.pid")")
    for process in $(on_node "$1"); do
        victims+=("$(ps -o ppid= -p "$process")" "$process")
    done
    # shellcheck disable=SC2068 # ps pads with spaces
    kill -9 ${victims[@]}
}

# As if its network were cut: the daemon is gone, what it has started goes on.
cut_node() { # NODE
    kill -9 "$(cat "$cluster/slurmd.$1.pid")"
}

# Dead processes may wait for a parent that never looks.
is_running() { # PID
    [ -e "/proc/$1/status" ] && ! grep -q '^State:.*Z' "/proc/$1/status"
}

stop_cluster() {
    local daemon process
    scancel -u "$(id -un)" 2>/dev/null || true
    for daemon in slurmd.n1 slurmd.n2 slurmctld munged; do
        process=$(cat "$cluster/$daemon.pid" 2>/dev/null) || continue
        kill "$process" 2>/dev/null || continue
        for _ in $(seq 100); do
            is_running "$process" || break
            sleep 0.1
        done
    done
}

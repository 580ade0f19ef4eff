# Where the Ps waited: the 15 locks with most waiting time. Lock-free sets never wait and are left out.
set label 1 'Time spent waiting, by lock'
CSV = IN.'/locks.csv'
if (!HAS_ROWS) { WHY = 'no data: no lock was ever taken'; load 'nothing.gp'; exit }

is_lock(x) = strstrt(stringcolumn('lock'), 'spanset') != 1
stats CSV using (column('wait_ns')) nooutput
ALL = STATS_records
array NAME[ALL]; array WAIT[ALL]; array TAKES[ALL]; array CONTENDED[ALL]; array VALUE[ALL]
N = 0; total = 0
stats CSV using (!is_lock(0) ? 0 : (N = N + 1, NAME[N] = stringcolumn('lock'), WAIT[N] = column('wait_ns'), \
    TAKES[N] = column('acquisitions'), CONTENDED[N] = column('contended'), total = total + WAIT[N])) nooutput
do for [i = 1:N] { VALUE[i] = total > 0 ? WAIT[i] : TAKES[i] }
K = TERM ? 8 : 15
load 'top.gp'
if (K == 0) { WHY = 'no data: no lock was ever taken'; load 'nothing.gp'; exit }
note(k) = total > 0 ? count(CONTENDED[ORDER[k]]).' of '.count(TAKES[ORDER[k]]).' contended' : count(TAKES[ORDER[k]])
E[3] = total > 0
load 'scales.gp'
if (total <= 0 && E[3] > 0) { WHY = 'nobody waited for a lock'; load 'nothing.gp'; exit }
E[1] = VALUE[ORDER[1]]
E[2] = 0; E[4] = K
do for [k = 1:K] { if (strlen(note(k)) > E[2]) { E[2] = strlen(note(k)) } }
load 'scales.gp'; if (MEASURING) { exit }
longest = E[1]

if (total > 0) {
    S = time_scale(longest)
    set xlabel sprintf('time waited (%s); %s in all', time_unit(longest), duration(total))
} else {
    S = 1
    set label 1 'Nobody waited for a lock: how often each was taken'
    set xlabel 'acquisitions'
    set format x '%.0f'
    if (longest < 10) { set xtics 1 }
}
set ylabel 'lock'
set lmargin at screen px(TERM ? 0.32 : 0.22)
set yrange [(E[4] < 8 ? 8 : E[4]) + 0.6:0.4]
set ytics () scale 0 noenhanced
@GRID_X
unset key
unset datafile columnheaders
array ROW[K]
length(k) = VALUE[ORDER[k]] / S
do for [k = 1:K] {
    ROW[k] = k
    set ytics add (NAME[ORDER[k]] k)
}
set xrange [0:room(longest / S, E[2], 0.011)]
plot ROW using (length($1)):1:(0):(length($1)):($1 - 0.36):($1 + 0.36) with boxxyerror \
         lc rgb total > 0 ? VERMILION : BLUE, \
     ROW using (length($1)):1:(note($1)) with labels left offset (TERM ? 1 : 0.6),0 font font(0.9) \
         textcolor rgb GREY noenhanced

# Where the Ps waited: the 15 locks with most waiting time. Lock-free sets never wait and are left out.
IN = ARG2; OUT = ARG3; FORMAT = ARG4; TITLE = ARG5; ROWS = ARG6
set loadpath ARG1
load 'style.gp'
set label 1 'Time spent waiting, by lock'
CSV = IN.'/locks.csv'
if (ROWS eq 'nothing') { WHY = 'no data: no lock was ever taken'; load 'nothing.gp'; exit }

is_lock(x) = strstrt(stringcolumn('lock'), 'spanset') != 1
stats CSV using (column('wait_ns')) nooutput
ALL = STATS_records
array NAME[ALL]; array WAIT[ALL]; array TAKES[ALL]; array CONTENDED[ALL]; array VALUE[ALL]
N = 0; total = 0
stats CSV using (!is_lock(0) ? 0 : (N = N + 1, NAME[N] = stringcolumn('lock'), WAIT[N] = column('wait_ns'), \
    TAKES[N] = column('acquisitions'), CONTENDED[N] = column('contended'), total = total + WAIT[N])) nooutput
do for [i = 1:N] { VALUE[i] = total > 0 ? WAIT[i] : TAKES[i] }
K = 15
load 'top.gp'
if (K == 0) { WHY = 'no data: no lock was ever taken'; load 'nothing.gp'; exit }
longest = VALUE[ORDER[1]]

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
note(k) = total > 0 ? count(CONTENDED[ORDER[k]]).' of '.count(TAKES[ORDER[k]]).' contended' : count(TAKES[ORDER[k]])
set ylabel 'lock'
set yrange [(K < 8 ? 8 : K) + 0.6:0.4]
set ytics () scale 0 noenhanced
unset grid; set grid xtics back lc rgb GRID lw 1 lt 1
unset key
unset datafile columnheaders
array ROW[K]
length(k) = VALUE[ORDER[k]] / S
axis = 0
do for [k = 1:K] {
    ROW[k] = k
    set ytics add (NAME[ORDER[k]] k)
    needed = room(length(k), note(k), 0.0095)
    if (needed > axis) { axis = needed }
}
set xrange [0:axis]
plot ROW using (length($1)):1:(0):(length($1)):($1 - 0.36):($1 + 0.36) with boxxyerror \
         lc rgb total > 0 ? VERMILION : BLUE, \
     ROW using (length($1)):1:(note($1)) with labels left offset 0.6,0 font font(0.9) textcolor rgb GREY noenhanced

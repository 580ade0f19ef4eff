# Where the bytes of the spans are lost, by size class, at the run's peak: the 20 worst (in a terminal 10) classes.
load 'parts.gp'
set label 1 'Waste by size class, when the most memory was in use'
CSV = IN.'/classes.csv'
if (!HAS_ROWS) { WHY = 'no data: classes.csv has no rows'; load 'nothing.gp'; exit }

PARTS = 'rounding tiny tail dead unused'
part(i) = column(word(PARTS, i).'_bytes')
stats CSV using (column('class')) nooutput
ALL = STATS_records
array VALUE[ALL]; array SIZE[ALL]; array SPANS[ALL]; array PART[5 * (ALL + 1)]
N = 0
stats CSV using (N = N + 1, SIZE[N] = column('size_bytes'), SPANS[N] = column('span_bytes'), \
    PART[5*N - 4] = part(1), PART[5*N - 3] = part(2), PART[5*N - 2] = part(3), PART[5*N - 1] = part(4), \
    PART[5*N] = part(5), VALUE[N] = part(1) + part(2) + part(3) + part(4) + part(5)) nooutput
K = TERM ? 10 : 20
load 'top.gp'
if (K == 0) { WHY = 'no data: no span was in use'; load 'nothing.gp'; exit }

# What is below the 20th is one bar, number N + 1 of PART.
waste = 0; others = 0; others_bytes = 0
do for [j = 1:5] { PART[5*N + j] = 0 }
do for [i = 1:N] {
    waste = waste + VALUE[i]
    if (!TAKEN[i] && VALUE[i] > 0) {
        others = others + 1; others_bytes = others_bytes + VALUE[i]
        do for [j = 1:5] { PART[5*N + j] = PART[5*N + j] + PART[5*(i - 1) + j] }
    }
}
BARS = K + (others > 0)

which(k) = k > K ? N + 1 : ORDER[k]
below(k, j) = j < 1 ? 0 : below(k, j - 1) + PART[5*(which(k) - 1) + j]
class(k) = k > K ? sprintf('%d others', others) : SIZE[ORDER[k]] == 0 ? 'large' : bytes(SIZE[ORDER[k]])
share(i) = percent(VALUE[i], SPANS[i]).' of its spans'
so_far(k) = k < 1 ? 0 : so_far(k - 1) + (k > K ? others_bytes : VALUE[ORDER[k]])
note(k) = (k > K ? bytes(others_bytes) : bytes(VALUE[ORDER[k]]).', '.share(ORDER[k])).'; Σ '.percent(so_far(k), waste)

E[1] = VALUE[ORDER[1]] > others_bytes ? VALUE[ORDER[1]] : others_bytes
E[2] = 0; E[3] = BARS
do for [k = 1:BARS] { if (strlen(note(k)) > E[2]) { E[2] = strlen(note(k)) } }
load 'scales.gp'; if (MEASURING) { exit }
longest = E[1]
B = byte_scale(longest)

set xlabel sprintf('bytes'.(TERM ? '' : ' at the peak').' (%s); %s in all; Σ: with those above', byte_unit(longest), \
    bytes(waste))
set ylabel 'size class'
set yrange [(E[3] < 8 ? 8 : E[3]) + 0.6:0.4]
set ytics scale 0
set ytics ()
@GRID_X
set key horizontal maxrows 1 samplen 1.5
set bmargin at screen py(TERM ? 0.36 : 0.22)
set lmargin at screen px(TERM ? 0.15 : 0.125)
array FILL[5] = [PART_ROUNDING, PART_TINY, PART_TAIL, PART_DEAD, PART_UNUSED]
array MEANING[5] = ['rounding up', 'tiny blocks', 'span tails', 'dead, not yet swept', 'unused slots']
unset datafile columnheaders
array ROW[BARS]
do for [k = 1:BARS] {
    ROW[k] = k
    set ytics add (class(k) k)
}
set xrange [0:room(longest / B, E[2], 0.0085)]
edge(k, j) = below(k, j) / B
plot for [j = 1:5] ROW using (edge($1, j)):1:(edge($1, j - 1)):(edge($1, j)):($1 - 0.38):($1 + 0.38) \
         with boxxyerror lc rgb FILL[j] title MEANING[j], \
     ROW using (edge($1, 5)):1:(note($1)) with labels left offset (TERM ? 1 : 0.6),0 font font(0.9) \
         textcolor rgb GREY noenhanced notitle

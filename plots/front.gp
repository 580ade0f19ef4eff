# Two metrics of a sweep's runs, of both of which less is better: what no other run beats in both is the front, a
# staircase for each trace; what is beaten is pale. sim/plot/sweep_front.c says what the blocks of data are.
load 'blocks.gp'
array NAME[2]; array UNIT[2]; array POWERS[2]; array LEAST[2]
stats IN index 0 using (NOTE = stringcolumn(1), GROUPS = int(column(12)), \
    NAME[1] = stringcolumn(2), UNIT[1] = column(3), POWERS[1] = int(column(4)), LEAST[1] = column(5), \
    E[1] = column(6), \
    NAME[2] = stringcolumn(7), UNIT[2] = column(8), POWERS[2] = int(column(9)), LEAST[2] = column(10), \
    E[2] = column(11), 0) nooutput
E[3] = -LEAST[1]; E[4] = -LEAST[2]
load 'scales.gp'; if (MEASURING) { exit }
array GROUP[GROUPS]
N = 0
stats IN index 1 using (N = N + 1, GROUP[N] = stringcolumn(1), 0) nooutput

array DIVISOR[2]; array AXIS[2]; array FROM[2]; array TO[2]
do for [i = 1:2] {
    DIVISOR[i] = divisor_of(UNIT[i], E[i])
    unit = unit_of(UNIT[i], E[i])
    log_scale = POWERS[i] && E[2 + i] < 0
    AXIS[i] = NAME[i].in_brackets(unit.(log_scale && unit ne '' ? ', ' : '').(log_scale ? 'log scale' : ''))
    FROM[i] = log_scale ? -E[2 + i] / DIVISOR[i] / 1.3 : 0
    TO[i] = (E[i] > 0 ? E[i] / DIVISOR[i] : 1) * (log_scale ? i == 1 ? 2.2 : 1.5 : i == 1 ? 1.25 : 1.08)
    POWERS[i] = log_scale
}
set label 1 capital(NAME[2]).' against '.NAME[1]
set label 2 NOTE
if (POWERS[1]) { set logscale x 10 }
if (POWERS[2]) { set logscale y 10 }
set xrange [FROM[1]:TO[1]]; set yrange [FROM[2]:TO[2]]
set xlabel AXIS[1] noenhanced
set ylabel (TERM ? unit_of(UNIT[2], E[2]) : AXIS[2]) noenhanced
pale(c) = (255 - (255 - c / 65536) / 4) * 65536 + (255 - (255 - c / 256 % 256) / 4) * 256 + 255 - (255 - c % 256) / 4
set key horizontal maxrows 2
if (GROUPS == 1) { unset key }
# A terminal has room for a few names only.
undefine LABELS_*
stats IN index 2 using ($5 == 1 ? 1 : NaN) name 'LABELS' nooutput
labelled = !TERM || !exists('LABELS_records') || LABELS_records <= 8
X(x) = x / DIVISOR[1]
Y(y) = y / DIVISOR[2]
plot for [g = 1:GROUPS] IN index 2 using ($3 == g && $4 == 0 ? X($1) : NaN):(Y($2)) with points \
         pt mark(g) ps 1 lc rgb pale(colour(g)) notitle, \
     for [g = 1:GROUPS] IN index 2 + g using (X($1)):(Y($2)) with lines lw 2 lc rgb colour(g) notitle, \
     for [g = 1:GROUPS] IN index 2 using ($3 == g && $4 == 1 ? X($1) : NaN):(Y($2)) with points \
         pt mark(g) ps 1.3 lc rgb colour(g) title GROUP[g], \
     IN index 2 using ($5 == 1 && labelled ? X($1) : NaN):(Y($2)):6 with labels left offset 0.7,0.6 font font(0.85) \
         textcolor rgb GREY noenhanced notitle

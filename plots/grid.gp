# A metric of a sweep as a heat map: what was varied along one axis, the rest along the other, the number in each cell.
# sim/plot/sweep_figures.c says what the blocks of data are.
load 'blocks.gp'
stats IN index 0 using (NOTE = stringcolumn(1), X_NAME = stringcolumn(2), X_UNIT = column(3), NAME = stringcolumn(4), \
    UNIT = column(5), COLUMNS_ = int(column(6)), ROWS = int(column(7)), E[1] = column(8), 0) nooutput
load 'scales.gp'; if (MEASURING) { exit }
array X[COLUMNS_]; array Y[ROWS]
N = 0
stats IN index 1 using (N = N + 1, X[N] = stringcolumn(1), 0) nooutput
N = 0
stats IN index 2 using (N = N + 1, Y[N] = stringcolumn(1), 0) nooutput

divisor = divisor_of(UNIT, E[1])
set label 1 capital(NAME).in_brackets(unit_of(UNIT, E[1]))
set label 2 NOTE
unset key; unset grid; unset border
set lmargin at screen px(0.3); set rmargin at screen px(0.975)
set tmargin at screen py(0.86); set bmargin at screen py(TERM ? 0.2 : 0.13)
set xrange [0.5:COLUMNS_ + 0.5]; set yrange [ROWS + 0.5:0.5]
set xlabel X_NAME noenhanced
SMALL = font(ROWS > 12 || COLUMNS_ > 10 ? 0.8 : 0.95)
set xtics scale 0 noenhanced font SMALL
set ytics scale 0 noenhanced font SMALL
set xtics (); set ytics ()
do for [i = 1:COLUMNS_] { set xtics add (tick(X[i]) i) }
do for [i = 1:ROWS] { set ytics add (tick(Y[i]) i) }

# From pale to dark in one hue, so that order is seen without colour vision; numbers are white on dark cells.
mix(a, b, x) = int(a + (b - a) * x)
shade(x) = mix(0xF1, 0x08, x) * 65536 + mix(0xF6, 0x45, x) * 256 + mix(0xFB, 0x8A, x)
# Four digits: neighbours often differ little.
figure(x) = abs(x) >= 9999.5 ? sprintf('%.0f', x) : sprintf('%.4g', x)
INK(x) = x > 0.55 ? 0xFFFFFF : 0x000000
if (TERM) {
    plot IN index 3 using 1:2:(figure($3 / divisor)) with labels center notitle
} else {
    plot IN index 3 using 1:2:($1 - 0.49):($1 + 0.49):($2 - 0.48):($2 + 0.48):(shade($4)) \
             with boxxyerror lc rgb variable notitle, \
         IN index 3 using 1:2:(figure($3 / divisor)):(INK($4)) with labels center font SMALL textcolor rgb variable \
             notitle
}

# What all figures share: terminal, font, axes, units and the text above the plot.
# A figure runs as: gnuplot -d -c plots/NAME.gp PLOTS_DIR IN_DIR OUT_FILE png|svg|pdf TITLE [nothing]
# and sets IN, OUT, FORMAT, TITLE from its arguments before it loads this ("nothing": its CSV has no rows).

if (GPVAL_VERSION < 5.4) { exit error "gnuplot 5.4 or newer is needed" }
set encoding utf8
load 'okabe-ito.gp'

# Text is the same part of the picture in each format, though their points differ.
points = FORMAT eq 'svg' ? 14.5 : FORMAT eq 'pdf' ? 10.5 : 11
font(size) = sprintf('DejaVu Sans,%.1f', size * points)
BASE = font(1)
if (FORMAT eq 'svg') {
    set terminal svg size 1000,600 font BASE name 'goheap' background rgb 'white'
} else { if (FORMAT eq 'pdf') {
    set terminal pdfcairo size 10in,6in font BASE fontscale 1
} else { if (strstrt(GPVAL_TERMINALS, 'pngcairo')) {
    set terminal pngcairo size 1000,600 font BASE background rgb 'white'
} else {
    set terminal png truecolor size 1000,600 font BASE
} } }
set output OUT

set datafile separator comma
set datafile columnheaders

GREY = 0x595959; GRID = 0xE4E4E4
set border 3 linecolor rgb GREY linewidth 1
set format '%h'
set tics nomirror out textcolor rgb 'black' scale 0.6
set grid xtics ytics back linecolor rgb GRID linewidth 1 linetype 1
set style fill solid 1 noborder
set key noenhanced at screen 0.5,0.015 center bottom Left reverse samplen 2 width 2
set tmargin at screen 0.87
set label 1 'x' at screen 0.02,0.955 left noenhanced font font(1.35)
set label 2 TITLE at screen 0.02,0.905 left noenhanced textcolor rgb GREY

# The axis a bar of a length needs for its note to fit behind it; a letter takes that part of the axis.
room(bar, note, letter) = bar / (1 - (letter * (strlen(note) + 2) < 0.8 ? letter * (strlen(note) + 2) : 0.8))

# Numbers for people: three digits, no exponents, no trailing zeros.
number(x) = abs(x) >= 999.5 ? sprintf('%.0f', x) : sprintf('%.3g', x)
count(x) = x < 1e3 ? sprintf('%.0f', x) : x < 1e6 ? sprintf('%d,%03d', int(x) / 1000, int(x) % 1000) \
    : x < 1e9 ? number(x / 1e6).' million' : number(x / 1e9).' billion'
percent(part, all) = part <= 0 ? '0 %' : part < all / 1000 ? '< 0.1 %' \
    : number(floor(1000.0 * part / all) / 10.0).' %'

byte_power(x) = x < 1024 ? 0 : x < 1024.0**2 ? 1 : x < 1024.0**3 ? 2 : x < 1024.0**4 ? 3 : 4
byte_scale(x) = 1024.0**byte_power(x)
byte_unit(x) = word('B KiB MiB GiB TiB', byte_power(x) + 1)
bytes(x) = number(x / byte_scale(x)).' '.byte_unit(x)

time_power(x) = x < 1e3 ? 0 : x < 1e6 ? 1 : x < 1e9 ? 2 : x < 7.2e12 ? 3 : 4
time_scale(x) = x < 7.2e12 ? 1000.0**time_power(x) : 3.6e12
time_unit(x) = word('ns µs ms s h', time_power(x) + 1)
duration(x) = number(x / time_scale(x)).' '.time_unit(x)

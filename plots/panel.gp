# What is set anew for each panel: PANEL, of PANELS. TITLE is what it is of.

# From a panel's own measures, 0 to 1, to the screen's.
px(x) = (x + (PANEL - 1) % ACROSS) / ACROSS
py(y) = (y + DOWN - 1 - (PANEL - 1) / ACROSS) / DOWN

set datafile separator comma
set datafile columnheaders

GREY = 0x595959; GRID = 0xE4E4E4
set border 3 linecolor rgb GREY linewidth 1
set format '%h'
set tics nomirror out textcolor rgb 'black' scale 0.6
if (!TERM) { set grid xtics ytics back linecolor rgb GRID linewidth 1 linetype 1 }
GRID_X = TERM ? 'unset grid' : 'unset grid; set grid xtics back lc rgb GRID lw 1 lt 1'
set style fill solid 1 noborder
set key noenhanced at screen px(0.5),py(0.015) center bottom Left reverse samplen 2 width 2
set tmargin at screen py(0.87)
set lmargin at screen px(TERM ? 0.15 : 0.09)
set rmargin at screen px(0.975)
set bmargin at screen py(TERM ? 0.3 : 0.2)
set label 1 'x' at screen px(0.02),py(0.955) left noenhanced font font(1.35)
set label 2 TITLE at screen px(0.02),py(0.905) left noenhanced textcolor rgb GREY

# The axis a bar of a length needs for a note of so many letters to fit behind it; a letter takes that part of the axis,
# in a terminal a character's.
room(bar, letters, letter) = bar / (1 - (width_of(letters, letter) < 0.8 ? width_of(letters, letter) : 0.8))
width_of(letters, letter) = (TERM ? letter * 150.0 / COLUMNS : letter) * (letters + 2)

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

# In a terminal an area is its edge: characters fill all alike.
AREA = TERM ? 'with lines' : 'with filledcurves y=0'

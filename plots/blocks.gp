# What sim/plot/sweep_figures.h writes is read so. Units: 0 is none, 1 bytes, 2 ns.
unset datafile columnheaders
set datafile separator tab
divisor_of(unit, x) = unit == 1 ? byte_scale(x) : unit == 2 ? time_scale(x) : 1
unit_of(unit, x) = unit == 1 ? byte_unit(x) : unit == 2 ? time_unit(x) : ''
in_brackets(text) = text eq '' ? '' : ' ('.text.')'
letter(text) = strstrt('abcdefghijklmnopqrstuvwxyz', text[1:1])
capital(text) = (letter(text) ? 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[letter(text):letter(text)] : text[1:1]).text[2:*]
mark(s) = int(word('7 9 5 11 13 6 8 4 10 12 15 14 1 2 3 7', int(s)))
colour(s) = CATEGORY[1 + (int(s) - 1) % 8]
# The name of a tick is a format.
tick(text) = strstrt(text, '%') ? text[1:strstrt(text, '%')].'%'.tick(text[strstrt(text, '%') + 1:*]) : text

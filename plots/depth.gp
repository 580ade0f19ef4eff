# A sequence of colours from sand (0) by green to dark blue (1), for how much: told apart in grey, too, and by every
# kind of colour vision. at(x, c) is its part c: 2 red, 1 green, 0 blue; shade(x) all of it.
stop(i, c) = int(word('0xFCE9A9 0x9FD6A9 0x41A8B8 0x2A6FAE 0x1B2A75', i + 1)) / 256**c % 256
between(x, i, c) = stop(i, c) + (x - i) * (stop(i + 1, c) - stop(i, c))
at(x, c) = x >= 1 ? stop(4, c) : between(4.0 * x, int(4 * x), c)
shade(x) = int(at(x, 2)) * 65536 + int(at(x, 1)) * 256 + int(at(x, 0))

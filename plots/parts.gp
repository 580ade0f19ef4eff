# What the bytes of a heap are, in the same colours everywhere: strong ones for what spans hold, pale ones for free
# pages.
PART_REQUESTED = BLUE; PART_ROUNDING = VERMILION; PART_TAIL = PURPLE; PART_TINY = GREEN
PART_UNUSED = SKY; PART_DEAD = ORANGE; PART_FREE = 0xCFCFCF; PART_RELEASED = 0xF0F0F0

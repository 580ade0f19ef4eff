# Categorical palette of Okabe and Ito (2008): tells eight things apart for every kind of colour vision.
BLUE = 0x0072B2; VERMILION = 0xD55E00; GREEN = 0x009E73; PURPLE = 0xCC79A7
ORANGE = 0xE69F00; SKY = 0x56B4E9; BLACK = 0x000000; YELLOW = 0xF0E442
array CATEGORY[8] = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW]

# Palette of quantities that contain each other, from the useful core outwards to what nobody holds:
# two strong colours inside, then ever paler ones, told apart in grey too. Colour-blind safe.
LEVEL_CORE = 0x0072B2; LEVEL_1 = 0xD55E00; LEVEL_2 = 0xF2C14E; LEVEL_3 = 0xBFDDF2; LEVEL_4 = 0xECECEC

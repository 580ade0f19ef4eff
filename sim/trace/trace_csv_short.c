/* Lines of a known layout: sixteen bytes at a time, whatever is in them. Whether they were digits is seen afterwards,
 * of all the line's numbers at once. */
#include "trace/trace_csv_short.h"

#include <string.h>

#include "base/decimal.h"
#include "trace/lifetimes.h"

#ifdef __SSE2__

#include <emmintrin.h>

_Static_assert((int)CSV_SHORT == (int)ROW_TEXT_ROOM, "a row may have such a line as its text");

enum { LONG_DIGITS = 16, FEW_DIGITS = 8 };

void csv_short_init(struct csv_short *lines, uint16_t columns)
{
    *lines = (struct csv_short){.columns = columns};
    lines->feed_ends = (columns & 1u << ROW_TYPE) != 0 ? 0 : UINT64_MAX;
    for (size_t op = 0; op < ROW_OPS; op++)
        if (strlen(row_op_names[op]) <= sizeof lines->op_word[op])
            memcpy(&lines->op_word[op], row_op_names[op], strlen(row_op_names[op]));
}

/* ---- layouts ---- */

static bool fits(uint8_t column, unsigned length)
{
    switch (column) {
    case ROW_OP:
        return length >= 1 && length <= sizeof(uint64_t);
    case ROW_NOSCAN:
        return length <= 1;
    case ROW_T_NS:
    case ROW_ID:
        return length <= LONG_DIGITS;
    default:
        return length <= FEW_DIGITS;
    }
}

static void place_field(struct csv_layout *layout, uint8_t column, unsigned begin, unsigned end)
{
    unsigned length = end - begin;
    if (length > 0)
        layout->present |= (uint16_t)(1u << column);
    if (column == ROW_OP) {
        layout->op_at = (uint8_t)begin;
        layout->op_mask = UINT64_MAX >> (64 - 8 * length);
    } else if (column < ROW_NUMBERS) {
        layout->end[column] = (uint8_t)end;
        layout->digits[column] = (uint8_t)length;
        layout->leading |= (uint64_t)(length > 1) << begin;
    }
}

/* Finds out what lines with such ends are. */
static void lay_out(const struct csv_short *lines, struct csv_layout *layout, uint64_t ends)
{
    unsigned begin = 0;
    uint64_t left = ends;
    *layout = (struct csv_layout){.ends = ends};
    for (size_t i = 0; i < ROW_COLUMNS; i++) {
        uint8_t column = row_column_order[i];
        if ((lines->columns & 1u << column) == 0)
            continue;
        if (column == ROW_TYPE) {
            begin++;
            continue;
        }
        unsigned end = left != 0 ? (unsigned)__builtin_ctzll(left) : 0;
        if (left == 0 || !fits(column, end - begin))
            return;
        place_field(layout, column, begin, end);
        left &= left - 1;
        begin = end + 1;
    }
    layout->length = (uint8_t)begin;
    layout->is_short = left == 0;
}

/* ---- bytes ---- */

static inline __m128i sixteen_at(const unsigned char *bytes)
{
    return _mm_loadu_si128((const __m128i *)(const void *)bytes);
}

/* Which of a line's bytes are these, as bits. */
struct places {
    uint64_t commas, feeds, zeros;
};

static inline uint64_t places_in_sixteen(__m128i bytes, char byte)
{
    return (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte)));
}

static inline struct places places_at(const unsigned char *text)
{
    struct places places = {0, 0, 0};
#pragma GCC unroll 4
    for (unsigned i = 0; i < CSV_SHORT; i += 16) {
        __m128i bytes = sixteen_at(text + i);
        places.commas |= places_in_sixteen(bytes, ',') << i;
        places.feeds |= places_in_sixteen(bytes, '\n') << i;
        places.zeros |= places_in_sixteen(bytes, '0') << i;
    }
    return places;
}

/* Sixteen bytes as four numbers of four digits, those taken for zeros that are not kept. Neighbours become pairs, and
 * pairs fours. *highest: the highest digits so far, by place. */
static inline __m128i fours_of(__m128i bytes, __m128i kept, __m128i *highest)
{
    __m128i digits = _mm_and_si128(_mm_sub_epi8(bytes, _mm_set1_epi8('0')), kept);
    *highest = _mm_max_epu8(*highest, digits);
    __m128i pairs = _mm_srli_epi16(_mm_mullo_epi16(digits, _mm_set1_epi16(10 << 8 | 1)), 8);
    return _mm_madd_epi16(pairs, _mm_set1_epi32(1 << 16 | 100));
}

/* Eight fours as four numbers of eight digits. */
static inline __m128i eights_of(__m128i a, __m128i b)
{
    return _mm_madd_epi16(_mm_packs_epi32(a, b), _mm_set1_epi32(1 << 16 | 10000));
}

static inline uint64_t word_of(__m128i numbers, int which)
{
    return (uint64_t)_mm_cvtsi128_si64(which == 0 ? numbers : _mm_unpackhi_epi64(numbers, numbers));
}

/* Of one number's eights, in one word. */
static inline uint64_t number_of(uint64_t eights)
{
    return (eights & UINT32_MAX) * decimal_powers[8] + (eights >> 32);
}

/* So many of the last bytes of sixteen are kept, or of eight: from `kept` + their number on, or 8 bytes later. */
static const unsigned char kept[32] = {[16] = 255, 255, 255, 255, 255, 255, 255, 255,
                                       255, 255, 255, 255, 255, 255, 255, 255};

static inline __m128i eight_at(const unsigned char *low, const unsigned char *high)
{
    return _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)(const void *)low),
                              _mm_loadl_epi64((const __m128i *)(const void *)high));
}

/* A number of up to sixteen digits. */
static inline __m128i long_number(const struct csv_layout *layout, const unsigned char *text, enum row_column column,
                                  __m128i *highest)
{
    return fours_of(sixteen_at(text + layout->end[column] - 16), sixteen_at(kept + layout->digits[column]), highest);
}

/* Two of up to eight. */
static inline __m128i short_numbers(const struct csv_layout *layout, const unsigned char *text, enum row_column a,
                                    enum row_column b, __m128i *highest)
{
    return fours_of(eight_at(text + layout->end[a] - 8, text + layout->end[b] - 8),
                    eight_at(kept + 8 + layout->digits[a], kept + 8 + layout->digits[b]), highest);
}

/* ---- rows ---- */

static bool learn_op(const struct csv_short *lines, struct csv_layout *layout, uint64_t word)
{
    for (uint8_t op = 0; op < ROW_OPS; op++) {
        if (lines->op_word[op] == word) {
            layout->op_word = word;
            layout->op = op;
            return true;
        }
    }
    return false;
}

/* Which operation comes next nobody can foretell, but lines of the same layout mostly have the same. */
static inline bool read_op(const struct csv_short *lines, struct csv_layout *layout, const unsigned char *text,
                           struct trace_row *row)
{
    uint64_t word;
    memcpy(&word, text + layout->op_at, sizeof word);
    word &= layout->op_mask;
    bool good = word == layout->op_word || learn_op(lines, layout, word);
    row->op = layout->op;
    return good;
}

/* False: one of its numbers is none. */
static inline bool read_numbers(const struct csv_short *lines, const struct csv_layout *layout,
                                const unsigned char *text, uint64_t value[ROW_NUMBERS])
{
    __m128i highest = _mm_set1_epi8(9);
    __m128i time = long_number(layout, text, ROW_T_NS, &highest), id = long_number(layout, text, ROW_ID, &highest);
    __m128i p_size = short_numbers(layout, text, ROW_P, ROW_SIZE, &highest), g_align = _mm_setzero_si128();
    if ((lines->columns & (1u << ROW_G | 1u << ROW_ALIGN)) != 0)
        g_align = short_numbers(layout, text, ROW_G, ROW_ALIGN, &highest);
    __m128i time_id = eights_of(time, id), others = eights_of(p_size, g_align);
    value[ROW_T_NS] = number_of(word_of(time_id, 0));
    value[ROW_ID] = number_of(word_of(time_id, 1));
    value[ROW_P] = word_of(others, 0) & UINT32_MAX;
    value[ROW_SIZE] = word_of(others, 0) >> 32;
    value[ROW_G] = word_of(others, 1) & UINT32_MAX;
    value[ROW_ALIGN] = word_of(others, 1) >> 32;
    unsigned digits = layout->digits[ROW_NOSCAN], noscan = (text[layout->end[ROW_NOSCAN] - 1] - '0') & -digits;
    value[ROW_NOSCAN] = noscan | (digits ^ 1);
    return noscan <= 9 && _mm_movemask_epi8(_mm_cmpeq_epi8(highest, _mm_set1_epi8(9))) == 0xffff;
}

static inline bool read_row(const struct csv_short *lines, struct csv_layout *layout, const unsigned char *text,
                            uint64_t zeros, uint64_t line, struct trace_row *row)
{
    bool good = read_numbers(lines, layout, text, row->value);
    row->line = line;
    row->type_length = 0;
    row->present = layout->present;
    row->text_length = (zeros & layout->leading) == 0 ? layout->length : 0;
    row->text = (const char *)text;
    return read_op(lines, layout, text, row) && good;
}

/* Of what layout a line is whose ends are these. */
static inline struct csv_layout *layout_of(struct csv_short *lines, uint64_t ends)
{
    struct csv_layout *layout = &lines->layouts[ends * UINT64_C(0x9e3779b97f4a7c15) >> 57];
    if (layout->ends != ends)
        lay_out(lines, layout, ends);
    return layout;
}

_Static_assert(CSV_LAYOUTS == 1 << (64 - 57), "a layout for each hash");

size_t csv_short_rows(struct csv_short *lines, const struct id_map *ids, uint64_t line, const unsigned char **next,
                      const unsigned char *end, struct trace_row *rows, size_t max)
{
    const unsigned char *text = *next;
    size_t count = 0;
    for (; count < max && text < end; count++) {
        struct places at = places_at(text);
        if (at.feeds == 0)
            break;
        uint64_t ends = (at.commas | (at.feeds & lines->feed_ends)) & (at.feeds ^ (at.feeds - 1));
        unsigned length = (unsigned)__builtin_ctzll(at.feeds) + 1;
        struct csv_layout *layout = layout_of(lines, ends);
        if (!layout->is_short || layout->length != length ||
            !read_row(lines, layout, text, at.zeros, line + count, &rows[count]))
            break;
        if (ids != NULL)
            id_map_fetch(ids, rows[count].value[ROW_ID]);
        text += length;
    }
    *next = text;
    return count;
}

#else

void csv_short_init(struct csv_short *lines, uint16_t columns)
{
    *lines = (struct csv_short){.columns = columns};
}

size_t csv_short_rows(struct csv_short *lines, const struct id_map *ids, uint64_t line, const unsigned char **next,
                      const unsigned char *end, struct trace_row *rows, size_t max)
{
    (void)lines, (void)ids, (void)line, (void)next, (void)end, (void)rows, (void)max;
    return 0;
}

#endif

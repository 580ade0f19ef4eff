#include "classes/class_table.h"

#include "base/out_file.h"

/* Slots start at multiples of their size in a span that starts at a page. */
static uint32_t slot_alignment(uint32_t size, uint32_t page)
{
    uint32_t lowest = size & -size;
    return lowest < page ? lowest : page;
}

void class_table_text(const struct goheap_class_table *table, uint32_t page, FILE *out)
{
    fprintf(out, "class  bytes/obj  bytes/span  objects  tail waste  max waste  min align\n");
    for (unsigned i = 1; i < table->count; i++) {
        uint32_t size = table->classes[i].size, before = table->classes[i - 1].size;
        uint32_t span = table->classes[i].pages * page;
        uint32_t objects = span / size, tail = span % size;
        uint64_t lost = (uint64_t)(size - before - 1) * objects + tail;
        fprintf(out, "%5u  %9u  %10u  %7u  %10u  %8.2f%%  %9u\n", i, size, span, objects, tail,
                100 * ((double)lost / (double)span), slot_alignment(size, page));
    }
}

/* A string in JSON's notation. What is no UTF-8, from the name of a file, becomes question marks. */
static void put_string(const char *text, FILE *out)
{
    json_t *string = json_string(text);
    if (string != NULL) {
        json_dumpf(string, out, JSON_ENCODE_ANY);
        json_decref(string);
        return;
    }
    putc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        putc(c < ' ' || c >= 0x7f || c == '"' || c == '\\' ? '?' : c, out);
    }
    putc('"', out);
}

/* By hand, as jansson would give every number a line of its own. */
void class_table_json(const struct goheap_class_table *table, uint32_t page, const char *note, FILE *out)
{
    fputs("{\n", out);
    if (note != NULL) {
        fputs("  \"note\": ", out);
        put_string(note, out);
        fprintf(out, ",\n  \"page_size\": %u,\n", page);
    }
    fputs("  \"size_classes\": [", out);
    for (unsigned i = 1; i < table->count; i++)
        fprintf(out, "%s%s[%u, %u]", i > 1 ? "," : "", (i - 1) % 8 ? " " : "\n    ", table->classes[i].size,
                table->classes[i].pages);
    fputs("\n  ]\n}\n", out);
}

json_t *class_table_list(const struct goheap_class_table *table)
{
    json_t *list = json_array();
    for (unsigned i = 1; i < table->count; i++) {
        json_t *pair = json_pack("[I, I]", (json_int_t)table->classes[i].size, (json_int_t)table->classes[i].pages);
        if (json_array_append_new(list, pair) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

bool class_table_file(const struct goheap_class_table *table, uint32_t page, const char *note, const char *path,
                      struct error *error)
{
    struct out_file out;
    FILE *f = out_file_open(&out, path, error);
    if (f == NULL)
        return false;
    class_table_json(table, page, note, f);
    return out_file_commit(&out, error);
}

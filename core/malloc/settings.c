/* Reads the settings: see settings.h for what they are. */
#include "settings.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

struct gm_settings gm_settings = {.scavenge_delay_ms = 1000, .retain_percent = 10};

struct word { /* a part of the file's text */
    const char *at;
    size_t n;
};

struct key {
    const char *name;
    bool (*read)(struct word value);
    const char *expected;
};

/* --- values -------------------------------------------------------------------------------------------- */

static bool is_word(struct word w, const char *text)
{
    return strlen(text) == w.n && memcmp(w.at, text, w.n) == 0;
}

static bool read_number(struct word w, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < w.n; i++) {
        if (w.at[i] < '0' || w.at[i] > '9' || __builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (unsigned)(w.at[i] - '0'), number))
            return false;
    }
    return w.n > 0;
}

static bool read_bytes(struct word w, uint64_t *bytes)
{
    static const char units[] = "KMGT";
    const char *unit = w.n > 0 ? memchr(units, w.at[w.n - 1], sizeof units - 1) : NULL;
    if (unit)
        w.n--;
    if (!read_number(w, bytes))
        return false;
    return !unit || !__builtin_mul_overflow(*bytes, UINT64_C(1024) << 10 * (unit - units), bytes);
}

static bool read_within(struct word w, uint64_t low, uint64_t high, uint64_t *number)
{
    uint64_t n;
    if (!read_number(w, &n) || n < low || n > high)
        return false;
    *number = n;
    return true;
}

static bool read_address_space(struct word value)
{
    uint64_t bytes;
    if (!read_bytes(value, &bytes) || bytes < UINT64_C(1) << 32 || bytes > UINT64_C(1) << 46 ||
        (bytes & (bytes - 1)) != 0)
        return false;
    gm_settings.address_space = bytes;
    return true;
}

static bool read_scavenge_delay(struct word value)
{
    if (is_word(value, "off")) {
        gm_settings.scavenge_delay_ms = 0;
        return true;
    }
    return read_within(value, 1, 3600000, &gm_settings.scavenge_delay_ms);
}

static bool read_retain(struct word value)
{
    gm_settings.retain_bytes = gm_settings.retain_percent = 0;
    if (value.n == 0 || value.at[value.n - 1] != '%')
        return read_bytes(value, &gm_settings.retain_bytes);
    value.n--;
    return read_within(value, 0, 1000, &gm_settings.retain_percent);
}

static const struct key keys[] = {
    {"address_space", read_address_space, "a power of two from 4G to 64T"},
    {"scavenge_delay_ms", read_scavenge_delay, "a number from 1 to 3600000, or off"},
    {"retain", read_retain, "bytes (64M) or a share of the memory in use, up to 1000% (10%)"},
};
enum { KEYS = sizeof keys / sizeof keys[0] };

/* --- the file ------------------------------------------------------------------------------------------ */

/* `goheap: FILE[:LINE]: WHAT` */
static void complain(struct gm_text *text, const char *file, uint64_t line)
{
    gm_text_begin(text, STDERR_FILENO);
    gm_put(text, "goheap: ");
    gm_put(text, file);
    if (line) {
        gm_put(text, ":");
        gm_put_number(text, line, 0);
    }
    gm_put(text, ": ");
}

_Noreturn static void give_up(struct gm_text *text)
{
    gm_put(text, "\n");
    gm_text_end(text);
    _exit(1);
}

_Noreturn static void bad_file(const char *file, const char *what)
{
    struct gm_text text;
    complain(&text, file, 0);
    gm_put(&text, what);
    give_up(&text);
}

_Noreturn static void bad_key(const char *file, uint64_t line, struct word name)
{
    struct gm_text text;
    complain(&text, file, line);
    gm_put(&text, "unknown key \"");
    gm_put_bytes(&text, name.at, name.n);
    gm_put(&text, "\", expected ");
    for (unsigned i = 0; i < KEYS; i++) {
        gm_put(&text, i == 0 ? "" : i == KEYS - 1 ? " or " : ", ");
        gm_put(&text, keys[i].name);
    }
    give_up(&text);
}

_Noreturn static void bad_value(const char *file, uint64_t line, const struct key *key, struct word value)
{
    struct gm_text text;
    complain(&text, file, line);
    gm_put(&text, key->name);
    gm_put(&text, " = \"");
    gm_put_bytes(&text, value.at, value.n);
    gm_put(&text, "\", expected ");
    gm_put(&text, key->expected);
    give_up(&text);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct word trim(struct word w)
{
    while (w.n > 0 && is_blank(w.at[w.n - 1]))
        w.n--;
    while (w.n > 0 && is_blank(*w.at)) {
        w.at++;
        w.n--;
    }
    return w;
}

/* The part of *rest before the next mark, or all of it; *rest becomes what follows. True if the mark was there. */
static bool split(struct word *rest, char mark, struct word *before)
{
    const char *at = rest->n > 0 ? memchr(rest->at, mark, rest->n) : NULL;
    before->at = rest->at;
    before->n = at ? (size_t)(at - rest->at) : rest->n;
    size_t used = before->n + (at != NULL);
    rest->at += used;
    rest->n -= used;
    return at != NULL;
}

static void read_line(const char *file, uint64_t number, struct word line)
{
    struct word name;
    split(&line, '#', &name);
    line = trim(name);
    if (line.n == 0)
        return;
    bool has_value = split(&line, '=', &name);
    name = trim(name);
    line = trim(line);
    for (unsigned i = 0; i < KEYS; i++) {
        if (!is_word(name, keys[i].name))
            continue;
        if (!has_value || !keys[i].read(line))
            bad_value(file, number, &keys[i], line);
        return;
    }
    bad_key(file, number, name);
}

/* Reads the whole file into room; its length. */
static size_t read_file(const char *file, char *room, size_t size)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        bad_file(file, "cannot be opened (GOHEAP_CONFIG)");
    size_t used = 0;
    ssize_t n;
    while (used < size && (n = read(fd, room + used, size - used)) > 0)
        used += (size_t)n;
    if (used < size && n < 0)
        bad_file(file, "cannot be read (GOHEAP_CONFIG)");
    close(fd);
    if (used == size)
        bad_file(file, "is too long, expected less than 4096 bytes");
    return used;
}

static void read_config(const char *file)
{
    char room[GM_SETTINGS_BYTES];
    struct word rest = {room, read_file(file, room, sizeof room)}, line;
    for (uint64_t number = 1; rest.n > 0; number++) {
        split(&rest, '\n', &line);
        read_line(file, number, line);
    }
}

/* libc sets its environment up before any constructor runs; what the dynamic loader might ask of us before that
 * would find none, and the heap as the library has it. */
static const char *value_of(const char *variable)
{
    const char *value = secure_getenv(variable);
    return value && *value ? value : NULL;
}

void gm_settings_read(void)
{
    const char *stats = value_of("GOHEAP_STATS"), *config = value_of("GOHEAP_CONFIG");
    gm_settings.stats = stats && strcmp(stats, "0") != 0;
    if (config)
        read_config(config);
}

/* A trace as the file in a zip archive: the ways to write one, and what can be wrong with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "import_rows.h"

static const char text[] = "186: malloc 0xb6027400 1024\n186: free 0xb6027400\n";
static const char rows[] = "1 meta source=Android malloc_debug\n1 meta time=virtual\n"
                           "1 meta size=exact\n1 meta death=exact\n"
                           "1 alloc p=0 g=186 id=1 size=1024\n2 free p=0 g=186 id=1\n";

struct archive {
    unsigned char bytes[1024];
    size_t length;
};

static void put(struct archive *archive, uint64_t number, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        archive->bytes[archive->length++] = (unsigned char)(number >> 8 * i);
}

static void put_bytes(struct archive *archive, const void *bytes, size_t length)
{
    memcpy(archive->bytes + archive->length, bytes, length);
    archive->length += length;
}

static size_t deflate_text(unsigned char *to, size_t room)
{
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)text, .avail_in = sizeof text - 1, .next_out = to,
                  .avail_out = (unsigned)room};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

enum { STORED = 0, DEFLATED = 8, ENCRYPTED = 1, HAS_DESCRIPTOR = 8 };

static void put_header(struct archive *archive, const char *name, unsigned method, unsigned flags, uint32_t crc,
                       size_t stored_length, size_t length)
{
    put(archive, 0x04034b50, 4);
    put(archive, 20, 2); /* version */
    put(archive, flags, 2);
    put(archive, method, 2);
    put(archive, 0, 4); /* time and date */
    put(archive, crc, 4);
    put(archive, stored_length, 4);
    put(archive, length, 4);
    put(archive, strlen(name), 2);
    put(archive, 5, 2);
    put_bytes(archive, name, strlen(name));
    put_bytes(archive, "extra", 5);
}

/* The member's local header and data; the descriptor, if there is one, is the caller's to put. */
static void put_member(struct archive *archive, const char *name, unsigned method, unsigned flags, uint32_t crc)
{
    unsigned char data[512];
    size_t length = sizeof text - 1;
    memcpy(data, text, length);
    if (method == DEFLATED)
        length = deflate_text(data, sizeof data);
    bool later = (flags & HAS_DESCRIPTOR) != 0;
    put_header(archive, name, method, flags, later ? 0 : crc, later ? 0 : length, later ? 0 : sizeof text - 1);
    put_bytes(archive, data, length);
}

static void put_end(struct archive *archive)
{
    put(archive, 0x02014b50, 4);
    put_bytes(archive, "what stands in a directory", 26);
}

static uint32_t text_crc(void)
{
    return (uint32_t)crc32(0, (const unsigned char *)text, sizeof text - 1);
}

static void assert_archive(const struct archive *archive, const char *wanted_rows, const char *tell)
{
    assert_true(android_recognise(archive->bytes, archive->length));
    assert_bytes(android_open, archive->bytes, archive->length, wanted_rows, tell);
}

static void deflated_and_stored(void **state)
{
    (void)state;
    for (unsigned method = STORED; method <= DEFLATED; method += DEFLATED) {
        struct archive archive = {.length = 0};
        put_member(&archive, "trace.txt", method, 0, text_crc());
        size_t data_end = archive.length;
        put_end(&archive);
        assert_archive(&archive, rows, "");
        assert_cuts(android_open, archive.bytes, data_end + 4, false);
    }
}

/* A descriptor comes with or without its signature, and with sizes of 32 or 64 bits. */
static void descriptors(void **state)
{
    (void)state;
    for (unsigned with_signature = 0; with_signature < 2; with_signature++) {
        for (unsigned size_bytes = 4; size_bytes <= 8; size_bytes += 4) {
            struct archive archive = {.length = 0};
            put_member(&archive, "trace.txt", DEFLATED, HAS_DESCRIPTOR, 0);
            if (with_signature)
                put(&archive, 0x08074b50, 4);
            put(&archive, text_crc(), 4);
            put(&archive, 1, size_bytes);
            put(&archive, sizeof text - 1, size_bytes);
            size_t end = archive.length;
            put_end(&archive);
            assert_archive(&archive, rows, "");
            assert_cuts(android_open, archive.bytes, end + 4, false);
        }
    }
}

static void a_directory_first(void **state)
{
    (void)state;
    struct archive archive = {.length = 0};
    put_header(&archive, "d/", STORED, 0, 0, 0, 0);
    put_member(&archive, "d/trace.txt", STORED, 0, text_crc());
    put_end(&archive);
    assert_archive(&archive, rows, "");
}

/* What it says begins "error: FILE: zip archive: ". */
static void refused(const char *what, unsigned method, unsigned flags, uint32_t crc, bool twice,
                    const char *wanted_rows)
{
    struct archive archive = {.length = 0};
    char tell[256];
    snprintf(tell, sizeof tell, "error: FILE: zip archive: %s\n", what);
    put_member(&archive, "a", method, flags, crc);
    if (twice)
        put_member(&archive, "b", method, flags, crc);
    put_end(&archive);
    assert_archive(&archive, wanted_rows, tell);
}

static void errors(void **state)
{
    (void)state;
    uint32_t crc = text_crc();
    refused("expected a file that can be read, got an encrypted one", DEFLATED, ENCRYPTED, crc, false, "");
    refused("expected a file compressed by deflate, got another method: unpack it first", 12, 0, crc, false, "");
    refused("expected the size of an uncompressed file in its header: unpack it first", STORED, HAS_DESCRIPTOR, crc,
            false, "");
    refused("the file in it is damaged: its checksum is wrong", DEFLATED, 0, crc + 1, false, rows);
    refused("expected one file in it, got more: unpack it first", DEFLATED, 0, crc, true, rows);
    struct archive archive = {.length = 0};
    put_header(&archive, "a", DEFLATED, 0, crc, 3, 3);
    put_bytes(&archive, "\xff\xff\xff", 3);
    assert_archive(&archive, "", "error: FILE: zip archive: the file in it is damaged: it is no deflate data\n");
    archive.length = 0;
    put_member(&archive, "a", DEFLATED, 0, crc);
    put_bytes(&archive, "oops", 4);
    assert_archive(&archive, rows,
                   "error: FILE: zip archive: expected its directory after the file, got something else\n");
    archive.length = 0;
    put_header(&archive, "d/", STORED, 0, 0, 0, 0);
    put_end(&archive);
    assert_archive(&archive, "", "error: FILE: zip archive: expected a file in it, got something else\n");
}

/* Damage anywhere is an error, or in bits that say nothing. */
static void damage(void **state)
{
    (void)state;
    struct archive archive = {.length = 0};
    put_member(&archive, "a", DEFLATED, 0, text_crc());
    size_t data_end = archive.length, data = 4 + 26 + 1 + 5, harmless = 0;
    put_end(&archive);
    for (size_t at = data; at < data_end; at++) {
        archive.bytes[at] ^= 0x10;
        struct import_text got = read_import(android_open, archive.bytes, archive.length, false, 64);
        if (strstr(got.tell, "error: ") == NULL) {
            assert_string_equal(got.rows, rows);
            harmless++;
        }
        free_text(&got);
        archive.bytes[at] ^= 0x10;
    }
    assert_true(harmless <= 1); /* what is left of the last byte */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deflated_and_stored), cmocka_unit_test(descriptors), cmocka_unit_test(a_directory_first),
        cmocka_unit_test(errors),              cmocka_unit_test(damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

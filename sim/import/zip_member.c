/* Zip, as a stream.
 *
 *   [local header] [data, deflated or as it is] [descriptor, if the header has no checksum] [directory ...]
 *
 * Invariant: [next, end) has been read from the stream and not been used yet. */
#include "import/zip_member.h"

#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

enum { CHUNK = 64 * 1024, LOCAL_HEADER = 26 /* bytes after its signature */ };

enum { LOCAL = 0x04034b50, DIRECTORY = 0x02014b50, DESCRIPTOR = 0x08074b50 }; /* signatures */

enum { ENCRYPTED = 1, HAS_DESCRIPTOR = 8 }; /* flags */

enum { STORED = 0, DEFLATED = 8 }; /* methods */

#define SIZE_ELSEWHERE UINT32_C(0xffffffff) /* in an extra field, as files of 4 GiB have it */

struct zip_member {
    struct byte_stream *bytes;
    const unsigned char *next, *end;
    bool inflating;          /* inflater is in use */
    bool done;               /* all has been checked and handed out, or has failed */
    unsigned flags, method;
    uint32_t wanted_crc;     /* where the header has it */
    uint32_t crc;            /* so far */
    uint32_t left;           /* STORED: bytes of data still to come */
    z_stream inflater;
    unsigned char inflated[CHUNK];
};

static bool fail(const struct zip_member *zip, struct error *error, const char *what)
{
    return error_set(error, "%.200s: zip archive: %s", byte_stream_name(zip->bytes), what);
}

static uint32_t number(const unsigned char *bytes, unsigned count)
{
    uint32_t n = 0;
    while (count-- > 0)
        n = n << 8 | bytes[count];
    return n;
}

/* There is another byte; false at the end of the stream, which is a failure here. */
static bool fill(struct zip_member *zip, struct error *error)
{
    if (zip->next < zip->end)
        return true;
    size_t length = byte_stream_next(zip->bytes, &zip->next, error);
    if (length == 0) {
        zip->end = zip->next;
        return fail(zip, error, "it is truncated: expected more of it, got the end of the file");
    }
    zip->end = zip->next + length;
    return true;
}

/* The next count bytes, to `to` or (NULL) to nowhere. */
static bool take(struct zip_member *zip, unsigned char *to, size_t count, struct error *error)
{
    while (count > 0) {
        if (!fill(zip, error))
            return false;
        size_t part = (size_t)(zip->end - zip->next);
        if (part > count)
            part = count;
        if (to != NULL) {
            memcpy(to, zip->next, part);
            to += part;
        }
        zip->next += part;
        count -= part;
    }
    return true;
}

static bool take_number(struct zip_member *zip, uint32_t *value, struct error *error)
{
    unsigned char bytes[4];
    if (!take(zip, bytes, sizeof bytes, error))
        return false;
    *value = number(bytes, sizeof bytes);
    return true;
}

static bool check_method(struct zip_member *zip, struct error *error)
{
    if ((zip->flags & ENCRYPTED) != 0)
        return fail(zip, error, "expected a file that can be read, got an encrypted one");
    if (zip->method == DEFLATED)
        return true;
    if (zip->method != STORED)
        return fail(zip, error, "expected a file compressed by deflate, got another method: unpack it first");
    if ((zip->flags & HAS_DESCRIPTOR) != 0 || zip->left == SIZE_ELSEWHERE)
        return fail(zip, error, "expected the size of an uncompressed file in its header: unpack it first");
    return true;
}

/* Up to the data of the first member that is no directory. */
static bool read_header(struct zip_member *zip, struct error *error)
{
    unsigned char header[LOCAL_HEADER], last = '/';
    while (last == '/') {
        uint32_t signature;
        if (!take_number(zip, &signature, error))
            return false;
        if (signature != LOCAL)
            return fail(zip, error, "expected a file in it, got something else");
        if (!take(zip, header, sizeof header, error))
            return false;
        size_t name = number(header + 22, 2), extra = number(header + 24, 2);
        last = '\0';
        if (!take(zip, NULL, name - (name > 0), error) || !take(zip, &last, name > 0, error) ||
            !take(zip, NULL, extra, error))
            return false;
    }
    zip->flags = number(header + 2, 2);
    zip->method = number(header + 4, 2);
    zip->wanted_crc = number(header + 10, 4);
    zip->left = number(header + 14, 4);
    return check_method(zip, error);
}

bool zip_member_recognise(const unsigned char *bytes, size_t length)
{
    return length >= ZIP_MEMBER_MAGIC && number(bytes, 4) == LOCAL;
}

struct zip_member *zip_member_open(struct byte_stream *bytes, struct error *error)
{
    struct zip_member *zip = calloc(1, sizeof *zip);
    if (zip == NULL) {
        error_set(error, "%.200s: out of memory", byte_stream_name(bytes));
        return NULL;
    }
    zip->bytes = bytes;
    bool good = read_header(zip, error);
    if (good && zip->method == DEFLATED) {
        zip->inflating = inflateInit2(&zip->inflater, -MAX_WBITS) == Z_OK; /* no zlib header */
        good = zip->inflating || fail(zip, error, "out of memory");
    }
    if (good)
        return zip;
    zip_member_close(zip);
    return NULL;
}

void zip_member_close(struct zip_member *zip)
{
    if (zip == NULL)
        return;
    if (zip->inflating)
        inflateEnd(&zip->inflater);
    free(zip);
}

/* A descriptor's signature is optional, and its two sizes have 4 bytes each, or 8 in an archive of the 64-bit kind,
 * which does not say so here: then what follows two sizes of 4 bytes is no signature. */
static bool take_descriptor(struct zip_member *zip, uint32_t *signature, struct error *error)
{
    if (!take_number(zip, &zip->wanted_crc, error) ||
        (zip->wanted_crc == DESCRIPTOR && !take_number(zip, &zip->wanted_crc, error)) ||
        !take(zip, NULL, 8, error) || !take_number(zip, signature, error))
        return false;
    if (*signature == DIRECTORY || *signature == LOCAL)
        return true;
    return take(zip, NULL, 4, error) && take_number(zip, signature, error);
}

/* The directory says nothing new. */
static bool drain(struct zip_member *zip, struct error *error)
{
    while (byte_stream_next(zip->bytes, &zip->next, error) > 0)
        ;
    zip->end = zip->next;
    return error->text[0] == '\0';
}

/* After the data: the checksum, and that the directory comes next. */
static bool finish(struct zip_member *zip, struct error *error)
{
    uint32_t signature;
    bool got = (zip->flags & HAS_DESCRIPTOR) != 0 ? take_descriptor(zip, &signature, error)
                                                  : take_number(zip, &signature, error);
    if (!got)
        return false;
    if (zip->crc != zip->wanted_crc)
        return fail(zip, error, "the file in it is damaged: its checksum is wrong");
    if (signature == LOCAL)
        return fail(zip, error, "expected one file in it, got more: unpack it first");
    if (signature != DIRECTORY)
        return fail(zip, error, "expected its directory after the file, got something else");
    return drain(zip, error);
}

static size_t next_stored(struct zip_member *zip, const unsigned char **bytes, struct error *error)
{
    if (zip->left == 0 || !fill(zip, error))
        return 0;
    size_t length = (size_t)(zip->end - zip->next);
    if (length > zip->left)
        length = zip->left;
    *bytes = zip->next;
    zip->next += length;
    zip->left -= (uint32_t)length;
    return length;
}

static size_t next_inflated(struct zip_member *zip, const unsigned char **bytes, struct error *error)
{
    int status = zip->inflating ? Z_OK : Z_STREAM_END;
    zip->inflater.next_out = zip->inflated;
    zip->inflater.avail_out = sizeof zip->inflated;
    while (status != Z_STREAM_END && zip->inflater.avail_out > 0) {
        if (!fill(zip, error))
            return 0;
        zip->inflater.next_in = zip->next;
        zip->inflater.avail_in = (uInt)(zip->end - zip->next);
        status = inflate(&zip->inflater, Z_NO_FLUSH);
        if (status != Z_OK && status != Z_STREAM_END) {
            fail(zip, error, status == Z_MEM_ERROR ? "out of memory"
                                                   : "the file in it is damaged: it is no deflate data");
            return 0;
        }
        zip->next = zip->end - zip->inflater.avail_in;
    }
    if (status == Z_STREAM_END && zip->inflating) {
        inflateEnd(&zip->inflater);
        zip->inflating = false;
    }
    *bytes = zip->inflated;
    return sizeof zip->inflated - zip->inflater.avail_out;
}

size_t zip_member_next(struct zip_member *zip, const unsigned char **bytes, struct error *error)
{
    if (zip->done)
        return 0;
    size_t length = zip->method == STORED ? next_stored(zip, bytes, error) : next_inflated(zip, bytes, error);
    if (length > 0) {
        zip->crc = (uint32_t)crc32(zip->crc, *bytes, (uInt)length);
        return length;
    }
    zip->done = true;
    if (error->text[0] == '\0')
        finish(zip, error);
    return 0;
}

/* CRC-32C (Castagnoli; iSCSI, RFC 3720 appendix B.4), the checksum of blocks in binary traces. */
#ifndef CRC32C_H
#define CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of what the first checksum was of, followed by these bytes; a checksum begins with 0. By the processor's own
 * instruction where it has one. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t length);

/* The two ways of it, which give the same; the second only if there is hardware for it. */
uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t length);
uint32_t crc32c_by_hardware(uint32_t crc, const void *bytes, size_t length);
bool crc32c_has_hardware(void);

#endif

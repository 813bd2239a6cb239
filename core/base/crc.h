/* crc: the CRC-64 (Jones polynomial, reflected) that ends an RDB file and a DUMP payload.
 * crc64(0, "123456789", 9) == 0xe9c6d914c4b8d9ca. Pure. */
#ifndef CORE_BASE_CRC_H
#define CORE_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

uint64_t crc64(uint64_t crc, const void *data, size_t n);
/* CRC-16/XMODEM, the key slot of cluster clients. */
uint16_t crc16(const void *data, size_t n);

#endif

#include "core/base/crc.h"

#include <string.h>

/* Eight tables, so that eight bytes are taken a step; filled before main runs, constant after. */
static uint64_t steps[8][256];

__attribute__((constructor)) static void fill(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? (c >> 1) ^ 0x95ac9329ac4bc9b5u : c >> 1;
        steps[0][i] = c;
    }
    for (unsigned i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            steps[k][i] = steps[0][steps[k - 1][i] & 0xff] ^ (steps[k - 1][i] >> 8);
}

uint64_t crc64(uint64_t crc, const void *data, size_t n)
{
    const unsigned char *p = data;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        crc ^= v;
        crc = steps[7][crc & 0xff] ^ steps[6][(crc >> 8) & 0xff] ^ steps[5][(crc >> 16) & 0xff] ^
              steps[4][(crc >> 24) & 0xff] ^ steps[3][(crc >> 32) & 0xff] ^
              steps[2][(crc >> 40) & 0xff] ^ steps[1][(crc >> 48) & 0xff] ^ steps[0][crc >> 56];
    }
    while (n--)
        crc = steps[0][(crc ^ *p++) & 0xff] ^ (crc >> 8);
    return crc;
}

uint16_t crc16(const void *data, size_t n)
{
    const unsigned char *p = data;
    unsigned crc = 0;
    while (n--) {
        crc ^= (unsigned)*p++ << 8;
        for (int k = 0; k < 8; k++)
            crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    return (uint16_t)crc;
}

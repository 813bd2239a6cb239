#include "core/base/sha1.h"

#define BLOCK 64

static uint32_t rol(uint32_t v, int k) { return (v << k) | (v >> (32 - k)); }

static uint32_t big_endian(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The function and the constant of each group of twenty rounds. */
static uint32_t mixed(int round, uint32_t b, uint32_t c, uint32_t d)
{
    if (round < 20) return ((b & c) | (~b & d)) + 0x5a827999;
    if (round < 40) return (b ^ c ^ d) + 0x6ed9eba1;
    if (round < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    return (b ^ c ^ d) + 0xca62c1d6;
}

static void take_block(uint32_t h[5], const unsigned char *p)
{
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 16; i++)
        w[i] = big_endian(p + 4 * i);
    for (int i = 16; i < 80; i++)
        w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t t = rol(a, 5) + mixed(i, b, c, d) + e + w[i];
        e = d;
        d = c;
        c = rol(b, 30);
        b = a;
        a = t;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

/* What is left, the bit 1, zeros, and the length in bits. */
static void take_tail(uint32_t h[5], const unsigned char *p, size_t left, uint64_t bytes)
{
    unsigned char tail[2 * BLOCK] = { 0 };
    size_t n = left < BLOCK - 8 ? BLOCK : 2 * BLOCK;
    uint64_t bits = bytes * 8;
    if (left) memcpy(tail, p, left);
    tail[left] = 0x80;
    for (size_t i = 0; i < 8; i++)
        tail[n - 1 - i] = (unsigned char)(bits >> (8 * i));
    for (size_t at = 0; at < n; at += BLOCK)
        take_block(h, tail + at);
}

void sha1(struct slice data, unsigned char out[SHA1_BYTES])
{
    uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
    const unsigned char *p = (const unsigned char *)data.p;
    size_t whole = data.n - data.n % BLOCK;
    for (size_t at = 0; at < whole; at += BLOCK)
        take_block(h, p + at);
    take_tail(h, whole < data.n ? p + whole : NULL, data.n - whole, data.n);
    for (int i = 0; i < SHA1_BYTES; i++)
        out[i] = (unsigned char)(h[i / 4] >> (24 - i % 4 * 8));
}

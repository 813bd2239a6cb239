/* stream: the checksummed byte streams that RDB is written to and read from.
 *
 * rdb_out gathers bytes in a buffer and hands them to a function in large pieces (a file, a socket,
 * a pipe: the host's business), or keeps them all when there is no function.
 * rdb_in takes bytes from a function, or from a lent slice. The function may say "none now": then
 * every reader below gives false with `in->status == RDB_IN_WAIT`, the position goes back to the
 * last rdb_in_commit(), and the caller tries again later from there. So what is read between two
 * commits is all or nothing, and a load can run in slices of any size.
 * Owns its buffers. Nothing is allocated for a length that the input claims: buffers grow with
 * the bytes that have really come. Pure: no files, no sockets. Tests: unit/rdb, fuzz/fuzz_rdb. */
#ifndef CORE_RDB_STREAM_H
#define CORE_RDB_STREAM_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/vec.h"

#define RDB_OUT_CHUNK (64 * 1024)

/* --- out ---------------------------------------------------------------------------------- */
/* Takes all n bytes or fails for good. */
typedef enum err rdb_write_fn(void *app, const void *p, size_t n, struct errmsg *msg);

/* A string put off: n plain bytes at `at` of the buffer, to be packed by another thread. */
struct rdb_raw_string {
    size_t at, n;
};
struct rdb_raw {
    VEC(struct rdb_raw_string) strings;
};

struct rdb_out {
    struct buf buf;
    struct rdb_raw *raw; /* strings worth packing are put off into it; only without `write` */
    rdb_write_fn *write; /* NULL: everything stays in buf */
    void *app;
    uint64_t crc;
    uint64_t written; /* bytes put so far, those in buf included */
    bool checksum;
    bool compress;    /* LZF for longer strings */
    enum err err;     /* the first failure; later puts do nothing */
    struct errmsg msg;
};

void rdb_out_init(struct rdb_out *o, rdb_write_fn *write, void *app, bool checksum, bool compress);
void rdb_out_free(struct rdb_out *o);
enum err rdb_out_flush(struct rdb_out *o);

void rdb_put(struct rdb_out *o, const void *p, size_t n);
void rdb_put_byte(struct rdb_out *o, uint8_t b);
void rdb_put_u64(struct rdb_out *o, uint64_t v); /* little-endian */
void rdb_put_len(struct rdb_out *o, uint64_t n);
/* A string in its shortest form: integer, LZF or plain. */
void rdb_put_string(struct rdb_out *o, struct slice s);
void rdb_put_int(struct rdb_out *o, int64_t v); /* a string that is this integer */
/* The bytes of a stream that was written with `raw`, in full: packed and checksummed here. */
void rdb_put_raw(struct rdb_out *o, struct slice bytes, const struct rdb_raw *raw);

/* --- in ----------------------------------------------------------------------------------- */
enum rdb_in_status {
    RDB_IN_OK,
    RDB_IN_WAIT,   /* more bytes will come; read again from the last commit */
    RDB_IN_FAILED, /* in->msg says why, with the byte offset */
};

/* What the source may answer besides a number of bytes > 0. */
enum { RDB_READ_END = 0, RDB_READ_WAIT = -1, RDB_READ_FAILED = -2 };
/* Puts at most n bytes at p. On RDB_READ_FAILED it has written the sentence. */
typedef ptrdiff_t rdb_read_fn(void *app, void *p, size_t n, struct errmsg *msg);

struct rdb_in {
    struct buf buf;      /* what has been read and not committed, and what follows */
    struct slice bytes;  /* the window: buf's content, or the lent slice */
    size_t at;           /* position in the window */
    rdb_read_fn *read;   /* NULL: the window is all there is */
    void *app;
    uint64_t crc;        /* of all committed bytes */
    uint64_t base;       /* offset of the window's start in the whole */
    uint64_t total;      /* size of the whole if known, else UINT64_MAX */
    bool checksum;
    enum rdb_in_status status;
    enum err err;
    struct errmsg msg;
    struct str unpacked; /* the last string that was not plain */
    char digits[24];
};

/* `total`: bytes of the whole if known (a file's size), else UINT64_MAX: lengths beyond it are
   refused
 * at once. */
void rdb_in_init(struct rdb_in *in, rdb_read_fn *read, void *app, uint64_t total, bool checksum);
void rdb_in_init_slice(struct rdb_in *in, struct slice all); /* lends */
void rdb_in_free(struct rdb_in *in);
/* Offset of the next byte in the whole. */
static inline uint64_t rdb_in_offset(const struct rdb_in *in) { return in->base + in->at; }
/* What has been read is done with: lent slices end here. */
void rdb_in_commit(struct rdb_in *in);
/* Back to the last commit, to try again after RDB_IN_WAIT. */
void rdb_in_retry(struct rdb_in *in);
/* Fails with a sentence that carries the offset; gives false. */
bool rdb_in_fail(struct rdb_in *in, enum err e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Readers: false = look at in->status. Slices are lent until the next commit; the one from
   rdb_get_string
 * until the next rdb_get_string or commit. */
bool rdb_get(struct rdb_in *in, size_t n, const char **p);
bool rdb_get_byte(struct rdb_in *in, uint8_t *b);
bool rdb_get_u64(struct rdb_in *in, uint64_t *v);
bool rdb_get_u32(struct rdb_in *in, uint32_t *v);
/* *encoded (may be NULL: then an encoding is an error) tells that *n is an enum
   rdb_string_encoding. */
bool rdb_get_len(struct rdb_in *in, uint64_t *n, bool *encoded);
bool rdb_get_string(struct rdb_in *in, struct slice *s);

#endif

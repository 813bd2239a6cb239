/* format: the bytes of an RDB file.
 *
 *     "REDIS" + version as 4 digits            "REDIS0010"
 *     records, each an opcode or type byte and what belongs to it:
 *       AUX           string name, string value
 *       SELECTDB      length number
 *       RESIZEDB      length keys, length deadlines
 *       EXPIRETIME    4 bytes, seconds          EXPIRETIME_MS   8 bytes, milliseconds
 *       IDLE          length seconds            FREQ            1 byte
 *         (these four for the key that follows)
 *       SLOT_INFO     length slot, length keys, length deadlines
 *       FUNCTION2     string source of a function library
 *       MODULE_AUX    length module id, then tagged values to MODULE_EOF
 *       type code     string key, then the value as its type says
 *       EOF           then, from version 5 on, 8 bytes: CRC-64 of all before, or 0 = not computed
 *
 *     length: 00xxxxxx                6 bits            01xxxxxx yyyyyyyy   14 bits, big-endian
 *             10000000 + 4 bytes      big-endian        10000001 + 8 bytes  big-endian
 *             11eeeeee                no length but an encoded string (below)
 *     string: length + bytes, or 11eeeeee with e =
 *             0, 1, 2  an integer of 1, 2, 4 bytes, signed, little-endian
 *             3        LZF: length of the packed form, length of the text, packed bytes
 *     All other integers are little-endian.
 *
 *     DUMP payload: type code, value, 2 bytes version, 8 bytes CRC-64 of all before.
 *
 * Constants only. Used by save and load; the reference is docs/formats/rdb. */
#ifndef CORE_RDB_FORMAT_H
#define CORE_RDB_FORMAT_H

#define RDB_MAGIC "REDIS"
#define RDB_HEADER_SIZE 9
#define RDB_VERSION 10      /* what we write: Redis 7.0 reads it */
#define RDB_VERSION_MAX 12  /* what we read: Redis 7.4 */
#define RDB_VERSION_CRC 5   /* the first with a checksum at the end */

enum rdb_opcode {
    RDB_SLOT_INFO = 244, /* version 12, of clusters */
    RDB_FUNCTION2 = 245,
    RDB_FUNCTION_OLD = 246, /* of 7.0's release candidates; refused */
    RDB_MODULE_AUX = 247,
    RDB_IDLE = 248,
    RDB_FREQ = 249,
    RDB_AUX = 250,
    RDB_RESIZEDB = 251,
    RDB_EXPIRETIME_MS = 252,
    RDB_EXPIRETIME = 253,
    RDB_SELECTDB = 254,
    RDB_EOF = 255,
};

enum rdb_type {
    RDB_STRING = 0,
    RDB_LIST = 1,
    RDB_SET = 2,
    RDB_ZSET = 3, /* scores as text */
    RDB_HASH = 4,
    RDB_ZSET_2 = 5, /* scores as 8 bytes */
    RDB_MODULE = 6,
    RDB_MODULE_2 = 7,
    RDB_HASH_ZIPMAP = 9,
    RDB_LIST_ZIPLIST = 10,
    RDB_SET_INTSET = 11,
    RDB_ZSET_ZIPLIST = 12,
    RDB_HASH_ZIPLIST = 13,
    RDB_LIST_QUICKLIST = 14,
    RDB_STREAM_LISTPACKS = 15,
    RDB_HASH_LISTPACK = 16,
    RDB_ZSET_LISTPACK = 17,
    RDB_LIST_QUICKLIST_2 = 18,
    RDB_STREAM_LISTPACKS_2 = 19,
    RDB_SET_LISTPACK = 20, /* version 11 */
    RDB_STREAM_LISTPACKS_3 = 21,
    /* Hashes with deadlines of fields, of version 12; the first two of its release candidates. */
    RDB_HASH_METADATA_OLD = 22,
    RDB_HASH_LISTPACK_EX_OLD = 23,
    RDB_HASH_METADATA = 24,
    RDB_HASH_LISTPACK_EX = 25,
    RDB_TYPE_COUNT = 26,
};

enum rdb_string_encoding { RDB_ENC_INT8, RDB_ENC_INT16, RDB_ENC_INT32, RDB_ENC_LZF };

enum rdb_length { RDB_LEN_6 = 0x00, RDB_LEN_14 = 0x40, RDB_LEN_32 = 0x80, RDB_LEN_64 = 0x81,
                  RDB_LEN_ENCODED = 0xc0 };

enum rdb_module_opcode {
    RDB_MODULE_EOF,
    RDB_MODULE_SINT,
    RDB_MODULE_UINT,
    RDB_MODULE_FLOAT,
    RDB_MODULE_DOUBLE,
    RDB_MODULE_STRING,
};

#endif

/* send: commands to instances, and the tags by which their replies find home.
 *
 * A tag holds what was asked, for which instance, and in which generation of the group's questions,
 * so that nothing need be remembered: a reply about an instance that is gone, or about an address
 * that was left, is dropped by looking at its tag. Commands that would go to a closed connection
 * are not sent. Pure. Tests: unit/sn_core. */
#ifndef SENTINEL_SEND_H
#define SENTINEL_SEND_H

#include "sentinel/model.h"

enum sn_tag {
    SN_TAG_NONE, /* nobody looks at the reply */
    SN_TAG_PING,
    SN_TAG_INFO,
    SN_TAG_ROLE,
    SN_TAG_HELLO,
    SN_TAG_HELLOS,
    SN_TAG_ASK,
    SN_TAG_AUTH,
    SN_TAG_EXEC,
    SN_TAG_MYID,
    SN_TAG_HAND_OVER,
    SN_TAGS
};

static inline enum sn_tag sn_tag_kind(uint64_t tag) { return (enum sn_tag)(tag >> 56); }
static inline uint32_t sn_tag_gen(uint64_t tag) { return (uint32_t)(tag >> 32) & 0xffffff; }
static inline uint32_t sn_tag_inst(uint64_t tag) { return (uint32_t)tag; }

#define SN_ARGS_MAX 8
/* Words as C strings, the list ends with NULL. False when the connection is not open. */
bool sn_send(struct sn_instance *inst, enum sn_conn conn, enum sn_tag kind,
             const char *const *argv);
/* The same; the command is not sent when saving the state failed in this step. */
bool sn_send_after_save(struct sn_instance *inst, enum sn_tag kind, const char *const *argv);
/* For the cmd connection, words as slices. */
bool sn_send_slices(struct sn_instance *inst, enum sn_tag kind, int argc, const struct slice *argv);
#define SN_WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

void sn_send_ping(struct sn_instance *inst);
void sn_send_info(struct sn_instance *inst);
/* AUTH if configured, and the connection's name. */
void sn_send_greeting(struct sn_instance *inst, enum sn_conn conn);
/* One transaction: SLAVEOF to (NULL: NO ONE), CONFIG REWRITE, CLIENT KILL; ROLE and INFO right
 * behind it, so that its effect is seen one round trip later. Not sent when a vote of this step
 * could not be saved. False when not connected. */
bool sn_send_slaveof(struct sn_instance *inst, const struct sn_addr *to);
/* The replica makes its link anew and so looks its master's name up again; and INFO behind it. */
bool sn_send_relink(struct sn_instance *inst);

#endif

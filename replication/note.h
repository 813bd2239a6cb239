/* note: a sentence that a pure core wants in the log. The driver writes it, the simulator keeps it.
 * The texts are Redis' own where the event is the same: people and tools look for them. Pure. */
#ifndef REPLICATION_NOTE_H
#define REPLICATION_NOTE_H

enum note_level { NOTE_DEBUG, NOTE_VERBOSE, NOTE_NOTICE, NOTE_WARNING };

#endif

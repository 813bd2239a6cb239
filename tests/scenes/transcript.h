/* transcript: a file of commands, one a line, and behind each what came out, indented by two
 * spaces. `program FILE` plays the commands and fails at the first line that differs; `program
 * --write FILE` puts in what comes out now, to be read as a diff. A # begins a line for people. */
#ifndef TESTS_SCENES_TRANSCRIPT_H
#define TESTS_SCENES_TRANSCRIPT_H

#include "core/base/buf.h"

#define TRANSCRIPT_LINE 1024 /* bytes of a command, its zero included */

/* Plays one command; what comes of it goes to the buffer that transcript_main() was given. */
typedef void transcript_line(void *app, const char *text);
/* The whole main(): gives the exit code. */
int transcript_main(int argc, char **argv, struct buf *out, transcript_line *fn, void *app);

#endif

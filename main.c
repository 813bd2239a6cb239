/* main: choose the personality by name or flag, read the arguments into lines, start it. The only
 * file that knows both personalities. */
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/conf/describe.h"
#include "core/front/cmdline.h"
#include "core/sys/process.h"
#include "sentinel/sentinel.h"
#include "server/config.h"
#include "server/config_rows.h"
#include "server/server.h"

static int print_directives(const char *form)
{
    const struct conf_table tables[] = {
        { "Directives of both personalities", front_config_rows, front_config_rows_n },
        { "Directives of the data server", server_config_rows, server_config_rows_n },
    };
    struct buf out = { 0 };
    if (form && !strcmp(form, "json")) conf_describe_json(tables, 2, &out);
    else conf_describe_markdown(tables, 2, &out);
    fwrite(buf_head(&out), 1, buf_size(&out), stdout);
    buf_free(&out);
    return 0;
}

int main(int argc, char **argv)
{
    struct front_start start;
    int code;
    mem_thread_start();
    process_title_init(argc, argv);
    switch (cmdline_read(&start, argc, argv, &code)) {
    case CMDLINE_EXIT: break;
    case CMDLINE_PRINT: code = print_directives(argc > 2 ? argv[2] : NULL); break;
    case CMDLINE_CHECK_CONFIG:
        code = start.sentinel ? sentinel_check_config(&start) : server_check_config(&start);
        break;
    case CMDLINE_RUN: code = start.sentinel ? sentinel_main(&start) : server_main(&start); break;
    }
    cmdline_free(&start);
    return code;
}

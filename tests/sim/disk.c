#include "tests/sim/disk.h"

#include "core/base/mem.h"

struct file {
    struct str written, durable;
    bool dirty;
};

struct disk {
    struct file files[SIM_NODES_MAX][DISK_FILES];
};

struct disk *disk_new(void) { return mem_zalloc(sizeof(struct disk)); }

void disk_free(struct disk *d)
{
    for (int i = 0; i < SIM_NODES_MAX; i++)
        for (int f = 0; f < DISK_FILES; f++) {
            str_free(&d->files[i][f].written);
            str_free(&d->files[i][f].durable);
        }
    mem_free(d);
}

static struct file *file_of(struct node *n, enum disk_file f)
{
    return &n->sim->disk->files[n->index][f];
}

void disk_write(struct node *n, enum disk_file f, struct slice bytes)
{
    struct file *file = file_of(n, f);
    str_set(&file->written, bytes);
    file->dirty = true;
}

void disk_sync(struct node *n, enum disk_file f)
{
    struct file *file = file_of(n, f);
    if (!file->dirty) return;
    str_set(&file->durable, str_slice(file->written));
    file->dirty = false;
}

struct slice disk_read(struct node *n, enum disk_file f)
{
    return str_slice(file_of(n, f)->written);
}

void disk_host_crashed(struct node *n)
{
    for (int f = 0; f < DISK_FILES; f++) {
        struct file *file = file_of(n, f);
        if (file->dirty) str_set(&file->written, str_slice(file->durable));
        file->dirty = false;
    }
}

void disk_lose(struct node *n, enum disk_file f)
{
    struct file *file = file_of(n, f);
    str_free(&file->written);
    str_free(&file->durable);
    file->dirty = false;
}

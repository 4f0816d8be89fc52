// The bare minimum of a filesystem: one directory of N files, in memory, over libfuse's low-level interface. What listing
// it costs is what the kernel and libfuse cost.
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// As long as the names of most videos.
#define NAME "A Title Of Usual Length %07zu.mp4"

static struct entry {
    char name[64];
    struct stat attributes;
} *entries;
static size_t count;

static const double second = 1.0;

static struct stat root(void)
{
    return (struct stat){.st_ino = FUSE_ROOT_ID, .st_mode = S_IFDIR | 0555, .st_nlink = 2};
}

static struct fuse_entry_param parameters(size_t place)
{
    struct fuse_entry_param entry = {.ino = place + 2, .attr_timeout = second, .entry_timeout = second};
    entry.attr = entries[place].attributes;
    return entry;
}

static void lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    size_t place;
    if (parent != FUSE_ROOT_ID || sscanf(name, NAME, &place) != 1 || place >= count ||
        strcmp(entries[place].name, name) != 0) {
        fuse_reply_err(request, ENOENT);
        return;
    }
    struct fuse_entry_param entry = parameters(place);
    fuse_reply_entry(request, &entry);
}

static void getattr(fuse_req_t request, fuse_ino_t node, struct fuse_file_info *file)
{
    (void)file;
    struct stat attributes = node == FUSE_ROOT_ID ? root() : entries[node - 2].attributes;
    fuse_reply_attr(request, &attributes, second);
}

static void list(fuse_req_t request, size_t size, off_t offset, int plus)
{
    char *buffer = malloc(size);
    if (!buffer) {
        fuse_reply_err(request, ENOMEM);
        return;
    }
    size_t used = 0;
    for (size_t place = offset; place < count; place++) {
        struct fuse_entry_param entry = parameters(place);
        const char *name = entries[place].name;
        size_t needed = plus ? fuse_add_direntry_plus(request, buffer + used, size - used, name, &entry, place + 1)
                             : fuse_add_direntry(request, buffer + used, size - used, name, &entry.attr, place + 1);
        if (needed > size - used)
            break;
        used += needed;
    }
    fuse_reply_buf(request, buffer, used);
    free(buffer);
}

static void readdir(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)node, (void)file;
    list(request, size, offset, 0);
}

static void readdirplus(fuse_req_t request, fuse_ino_t node, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)node, (void)file;
    list(request, size, offset, 1);
}

static const struct fuse_lowlevel_ops operations = {
    .lookup = lookup, .getattr = getattr, .readdir = readdir, .readdirplus = readdirplus};

// usage: memfs COUNT MOUNTPOINT
int main(int argc, char **argv)
{
    if (argc != 3 || (count = strtoul(argv[1], NULL, 10)) == 0 || !(entries = calloc(count, sizeof *entries)))
        return 64;
    for (size_t place = 0; place < count; place++) {
        snprintf(entries[place].name, sizeof entries[place].name, NAME, place);
        entries[place].attributes = (struct stat){
            .st_ino = place + 2, .st_mode = S_IFREG | 0444, .st_nlink = 1, .st_size = 1000000 + place};
    }
    char *words[] = {argv[0], "-ofsname=memfs"};
    struct fuse_args arguments = FUSE_ARGS_INIT(2, words);
    struct fuse_session *session = fuse_session_new(&arguments, &operations, sizeof operations, NULL);
    if (!session || fuse_set_signal_handlers(session) != 0 || fuse_session_mount(session, argv[2]) != 0)
        return 1;
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    int status = fuse_session_loop_mt(session, config);
    fuse_loop_cfg_destroy(config);
    fuse_session_unmount(session);
    fuse_session_destroy(session);
    return status != 0;
}

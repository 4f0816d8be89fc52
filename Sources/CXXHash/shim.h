#ifndef PEEKFS_CXXHASH_SHIM_H
#define PEEKFS_CXXHASH_SHIM_H

#include <errno.h>
#include <linux/falloc.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <xxhash.h>

// What DiskCache needs of the system beside checksums: glibc shows these functions only with _GNU_SOURCE, which the Glibc
// module does not set.
extern int fallocate(int descriptor, int mode, off_t offset, off_t length);
extern int sync_file_range(int descriptor, off_t offset, off_t length, unsigned int flags);
extern ssize_t pwritev2(int descriptor, const struct iovec *pieces, int count, off_t offset, int flags);

// Gives the room of a range back; it reads as zeros from then on. fallocate(2).
static inline int cxxhash_punch(int descriptor, off_t offset, off_t length) {
    return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

// Gives a range within the file its room, all of it or none. fallocate(2).
static inline int cxxhash_reserve(int descriptor, off_t offset, off_t length) {
    return fallocate(descriptor, FALLOC_FL_KEEP_SIZE, offset, length);
}

// Waits for the pages of a range that are being written, none if it lies behind the end, and fails if pages of the file could
// not be written since it was opened (SYNC_FILE_RANGE_WAIT_BEFORE of sync_file_range(2) is 1).
static inline int cxxhash_write_errors(int descriptor, off_t offset) {
    return sync_file_range(descriptor, offset, 1, 1);
}

// pwritev(2) of what is not read again soon: it goes to the disk at once, and leaves the page cache when it is there. That is
// RWF_DONTCACHE (0x80) of Linux 6.14, where the file system has it; otherwise the pages stay.
static inline ssize_t cxxhash_write_uncached(int descriptor, const struct iovec *pieces, int count, off_t offset) {
    ssize_t written = pwritev2(descriptor, pieces, count, offset, 0x80);
    return written >= 0 || errno != EOPNOTSUPP ? written : pwritev2(descriptor, pieces, count, offset, 0);
}

#endif

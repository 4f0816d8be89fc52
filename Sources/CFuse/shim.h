#ifndef PEEKFS_CFUSE_SHIM_H
#define PEEKFS_CFUSE_SHIM_H

// libfuse refuses to be included unless _FILE_OFFSET_BITS is 64. It has no effect on a 64-bit Linux, except that glibc then
// names some of its types differently: with it set, `struct flock` would not be the one of the Glibc module. So glibc's
// headers are read first, and the macro is defined only for libfuse's own check.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 14)
#include <fuse_lowlevel.h>

// glibc shows O_DIRECT, whose value differs between processors, only with _GNU_SOURCE, which the Glibc module does not set.
static const int cfuse_o_direct = __O_DIRECT;

// fcntl(2) is variadic, which Swift cannot call.
static inline int cfuse_set_nonblocking(int fd) {
    return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

#endif

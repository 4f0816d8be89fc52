#ifndef PEEKFS_CXATTR_SHIM_H
#define PEEKFS_CXATTR_SHIM_H

// What a careful reader of files needs and the Glibc module does not have: extended attributes, and O_DIRECT, which glibc
// shows only with _GNU_SOURCE.
#include <fcntl.h>
#include <sys/types.h>
#include <sys/xattr.h>

static const int cxattr_direct = __O_DIRECT;

#endif

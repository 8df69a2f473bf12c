/* The version of Headrace, for programs that compile against its public headers; plain C. The build
 * checks it against the project's own version (tools/check_tree.py), so that the two cannot drift
 * apart. */
#ifndef HEADRACE_VERSION_H
#define HEADRACE_VERSION_H

#define HEADRACE_VERSION_MAJOR 0
#define HEADRACE_VERSION_MINOR 1
#define HEADRACE_VERSION_PATCH 0
#define HEADRACE_VERSION "0.1.0"

#endif

"""pass_socket.py FD COMMAND...: runs the command as a service manager does that passes it one socket."""

import os
import sys

os.dup2(int(sys.argv[1]), 3, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="clients")
os.execv(sys.argv[2], sys.argv[2:])

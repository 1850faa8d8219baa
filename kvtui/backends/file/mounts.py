"""What kind of file system a path is on: from the mount table of Linux; elsewhere it is not known."""

from __future__ import annotations

import os
import re
from pathlib import Path

TABLE = Path("/proc/self/mountinfo")
NETWORK = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "glusterfs", "lustre", "gfs",
        "gfs2", "ocfs2", "orangefs", "beegfs", "davfs", "davfs2", "fuse.sshfs", "fuse.davfs2", "fuse.s3fs",
        "fuse.goofys", "fuse.gcsfuse", "fuse.rclone", "fuse.glusterfs", "fuse.ceph", "fuse.smbnetfs", "fuse.curlftpfs",
        "fuse.google-drive-ocamlfuse", "fuse.gvfsd-fuse", "fuse.kio-fuse", "fuse.vmhgfs-fuse", "fuse.onedriver",
    }
)  # fmt: skip
"""Where other machines may have the same files open."""

_ESCAPED = r"\\([0-7]{3})"


def kind_of(path: Path) -> str:
    """The type of the file system a path, or the nearest folder above it that is there, is on; "" where not known."""
    try:
        table = TABLE.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
    return find(table, os.path.realpath(path))


def find(table: str, path: str) -> str:
    """The type of the last mount that covers a real path, in the text of proc_pid_mountinfo(5)."""
    best, kind = -1, ""
    for line in table.splitlines():
        before, dash, after = line.partition(" - ")
        fields = before.split(" ")
        if not dash or len(fields) < 5:
            continue
        point = re.sub(_ESCAPED, lambda match: chr(int(match[1], 8)), fields[4])
        covers = path == point or path.startswith(point if point.endswith("/") else f"{point}/")
        if covers and len(point) >= best:
            best, kind = len(point), after.split(" ")[0]
    return kind

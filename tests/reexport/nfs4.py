# SPDX-License-Identifier: Apache-2.0
"""An NFSv4.0 client of a few calls (RFC 7530): it keeps bare file handles, asks as any user, opens
nothing (anonymous stateids) and shows the status a server really sent, which libnfs does not."""
import socket
import struct

STATUS = {0: "OK", 1: "PERM", 2: "NOENT", 5: "IO", 13: "ACCESS", 22: "INVAL", 28: "NOSPC", 30: "ROFS",
          69: "DQUOT", 70: "STALE", 10006: "SERVERFAULT", 10008: "DELAY", 10013: "GRACE"}
ANONYMOUS = bytes(16)


def opaque(data):
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


class Refused(Exception):
    """Its text is the status."""


class Client:
    def __init__(self, port, uid=0, gid=0):
        self.port, self.uid, self.gid = port, uid, gid

    def send(self, call, seconds):
        with socket.create_connection(("127.0.0.1", self.port), seconds) as s:
            s.settimeout(seconds)
            s.sendall(struct.pack(">I", 0x80000000 | len(call)) + call)
            stream, answer, is_last = s.makefile("rb"), b"", False
            while not is_last:
                (head,) = struct.unpack(">I", stream.read(4))
                is_last = bool(head >> 31)
                answer += stream.read(head & 0x7fffffff)
        return answer

    def compound(self, *ops, seconds=30):
        """The body of the last result; the others have none."""
        who = struct.pack(">I", 0) + opaque(b"test") + struct.pack(">III", self.uid, self.gid, 0)
        call = struct.pack(">IIIIII", 1, 0, 2, 100003, 4, 1) + struct.pack(">I", 1) + opaque(who)
        call += struct.pack(">II", 0, 0) + opaque(b"") + struct.pack(">II", 0, len(ops))
        answer = self.send(call + b"".join(ops), seconds)
        assert struct.unpack(">III", answer[12:24]) == (0, 0, 0), "accepted"
        (status,) = struct.unpack(">I", answer[24:28])
        if status:
            raise Refused(STATUS.get(status, str(status)))
        return answer[36 + 8 * len(ops):]

    def handle(self, *names):
        """The handle of a path below the server's root."""
        lookups = [struct.pack(">I", 15) + opaque(name.encode()) for name in names]
        body = self.compound(struct.pack(">I", 24), *lookups, struct.pack(">I", 10))
        (length,) = struct.unpack(">I", body[:4])
        return body[4:4 + length]

    def at(self, handle, op, seconds):
        return self.compound(struct.pack(">I", 22) + opaque(handle), op, seconds=seconds)

    def read(self, handle, size, offset=0, seconds=30):
        body = self.at(handle, struct.pack(">I", 25) + ANONYMOUS + struct.pack(">QI", offset, size),
                       seconds)
        (length,) = struct.unpack(">I", body[4:8])
        return body[8:8 + length]

    def write(self, handle, data, seconds=30):
        self.at(handle, struct.pack(">I", 38) + ANONYMOUS + struct.pack(">QI", 0, 2) + opaque(data),
                seconds)

    def says(self, what, *arguments):
        """OK, or the status it is refused with."""
        try:
            what(*arguments)
        except Refused as e:
            return str(e)
        return "OK"

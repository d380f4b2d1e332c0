#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A slow or a bad line to a server on this machine.

	tests/bench/lane.py HOST:PORT [--rate BYTES] [--reset-every BYTES]

Prints its own address, then hands on what comes. --rate: answers of all connections together, a second.
--reset-every: a connection is reset when that much has been answered on it. A thread each way a connection.
"""
import argparse
import socket
import struct
import sys
import threading
import time

PIECE = 256 << 10


class Rate:
    """As much as may go now; whoever comes too early waits. What was not used in time is lost."""

    def __init__(self, bytes_s):
        self.bytes_s, self.free_at, self.lock = bytes_s, 0, threading.Lock()

    def wait(self, n):
        with self.lock:
            now = time.monotonic()
            self.free_at = max(self.free_at, now - 0.02) + n / self.bytes_s
            left = self.free_at - now
        if left > 0:
            time.sleep(left)


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def carry(source, target, rate=None, most=None):
    """Until either ends. False: it was `most`."""
    room, done = bytearray(PIECE), 0
    try:
        while n := source.recv_into(room, PIECE if most is None else min(PIECE, most - done)):
            if rate:
                rate.wait(n)
            target.sendall(memoryview(room)[:n])
            done += n
            if done == most:
                return False
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    return True


def serve(client, to, args, rate):
    try:
        server = socket.create_connection(to)
    except OSError:
        client.close()
        return
    for sock in (client, server):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    up = threading.Thread(target=carry, args=(client, server), daemon=True)
    up.start()
    if carry(server, client, rate, args.reset_every):
        up.join(5)
        client.close()
    else:
        client.shutdown(socket.SHUT_RD)
        up.join(5)
        reset(client)
    server.close()


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("to")
    p.add_argument("--rate", type=float)
    p.add_argument("--reset-every", type=int)
    args = p.parse_args()
    host, port = args.to.split(":")
    rate = Rate(args.rate) if args.rate else None
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, (host, int(port)), args, rate), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())

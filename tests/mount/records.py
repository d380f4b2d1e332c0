# SPDX-License-Identifier: Apache-2.0
"""Records in the databases' files (docs/FORMAT.md), found and written again as they stand there."""


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return (crc ^ 0xffffffff).to_bytes(4, "little")


def set_number(path, key, number):
    """Writes a number to every record of `key` in the table meta."""
    data = bytearray(path.read_bytes())
    head, found = key.encode() + b"\x01\x01", 0
    body = b"\x01\x01" + number.to_bytes(8, "little")
    at = data.find(head)
    while at >= 0:
        record = at + len(key)
        data[record:record + 14] = body + crc32c(body)
        found, at = found + 1, data.find(head, at + 1)
    assert found
    path.write_bytes(data)

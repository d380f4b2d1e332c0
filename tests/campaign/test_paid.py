# SPDX-License-Identifier: Apache-2.0
"""What the campaigns take for an explanation of a second payment, and what not."""
import paid
import pytest

SIZE = 3 * paid.MIB + 17
CHUNKS = (0, 1, 2, 3)


def asked(day, hour, tier="Standard", **more):
    return {"operation": "InitiateJob", "resource": "archive", "tier": tier, "status": 202,
            "request_id": f"{day}-{hour}", "service_time": f"2026-09-{day:02}T{hour:02}:00:00.000Z",
            **more}


def sent(day, hour, chunk, **more):
    end = min(SIZE, (chunk + 1) * paid.MIB)
    return {"operation": "GetJobOutput", "resource": "archive", "status": 206,
            "service_time": f"2026-09-{day:02}T{hour:02}:00:00.000Z", "bytes": end - chunk * paid.MIB,
            "range": f"bytes={chunk * paid.MIB}-{end - 1}", **more}


# S70
@pytest.mark.parametrize("losses, lines, is_failing, storage_class", [
    # Asked again 30 hours later, and the last chunk never came.
    (1, [asked(1, 0), *(sent(1, 6, c) for c in CHUNKS[:3]), asked(2, 6)], False, "VAULT"),
    # It came, but broken.
    (1, [asked(1, 0), *(sent(1, 6, c) for c in CHUNKS[:3]), sent(1, 7, 3, fault="cut"),
         asked(2, 6)], False, "VAULT"),
    # All was sent before.
    (0, [asked(1, 0), *(sent(1, 6, c) for c in CHUNKS), asked(2, 6)], False, "VAULT"),
    # The output was still there: 24 hours, from five after the job at the latest.
    (0, [asked(1, 0), asked(2, 4)], False, "VAULT"),
    (0, [asked(1, 0), asked(1, 1)], False, "VAULT"),
    # Bytes of another archive, or of the next job, prove nothing.
    (1, [asked(1, 0), *(sent(1, 6, c) | {"resource": "other"} for c in CHUNKS), asked(2, 6),
         *(sent(2, 12, c) for c in CHUNKS)], False, "VAULT"),
    # The next job's output has no such excuse.
    (1, [asked(1, 0), asked(2, 6), asked(2, 12)], False, "VAULT"),
    # More often than twice nobody pays for one wish.
    (2, [asked(1, 0), asked(3, 0), asked(5, 0), asked(7, 0)], False, "VAULT"),
    # Slower tiers come later.
    (0, [asked(1, 0, "Bulk"), asked(2, 6)], False, "VAULT"),
    (1, [asked(1, 0, "Bulk"), asked(2, 12)], False, "VAULT"),
    # A copy of two days.
    (0, [asked(1, 0), asked(3, 6)], False, "DEEP_ARCHIVE"),
    (1, [asked(1, 0), asked(3, 12)], False, "DEEP_ARCHIVE"),
    # A job that fails is paid; a fault of another kind explains nothing.
    (1, [asked(1, 0, fault="x"), asked(1, 6)], True, "VAULT"),
    (0, [asked(1, 0, fault="x"), asked(1, 6)], False, "VAULT"),
    (0, [asked(1, 0), asked(1, 6)], True, "VAULT"),
])
def test_only_what_was_gone_before_it_was_here_may_be_paid_again(losses, lines, is_failing,
                                                                  storage_class):
    payments = [line for line in lines if line["operation"] in paid.PAID]
    assert paid.losses(lines, payments, is_failing, SIZE, storage_class, 2) == losses

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A mail server on loopback that demands STARTTLS and a login, and keeps what it gets as files.

mailtrap.py DIR CERT KEY USER PASSWORD: prints its port. While DIR/refuse exists it says 451."""
import asyncio
import pathlib
import signal
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

out, cert, key, user, password = sys.argv[1:6]
out = pathlib.Path(out)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(cert, key)


class Handler:
    n = 0

    async def handle_DATA(self, server, session, envelope):
        if (out / "refuse").exists():
            (out / "refused").touch()
            return "451 4.3.0 try later"
        Handler.n += 1
        head = f"X-To: {', '.join(envelope.rcpt_tos)}\r\nX-TLS: {session.ssl is not None}\r\n"
        # A restarted server goes on where it was.
        name = f"{len(list(out.glob('*.eml'))) + 1:03}"
        (out / f".{name}").write_bytes(head.encode() + envelope.content)
        (out / f".{name}").rename(out / f"{name}.eml")
        return "250 2.0.0 kept"


def login(server, session, envelope, mechanism, data):
    good = (mechanism in ("LOGIN", "PLAIN") and data.login == user.encode()
            and data.password == password.encode())
    return AuthResult(success=good, handled=False)


async def main():
    loop = asyncio.get_running_loop()
    stop = loop.create_future()
    loop.add_signal_handler(signal.SIGTERM, stop.set_result, None)
    server = await loop.create_server(
        lambda: SMTP(Handler(), tls_context=context, require_starttls=True, auth_required=True,
                     authenticator=login, hostname="mx.example.test", loop=loop),
        "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await stop
    server.close()

asyncio.run(main())

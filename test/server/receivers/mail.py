#!/usr/bin/env python3
"""A mail server that fails on purpose.

    mail.py PORT RULES LOG [smtps|starttls CERTIFICATE KEY]

RULES is a JSON file that is read for every command: {"reject": [recipients], "data": reply to the mail itself,
"user": name, "password": its password}. With a user, nobody else may send. Every mail that is accepted is a line of JSON in
LOG, headers and text decoded.
"""
import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

port, rules_file, log_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
kind = sys.argv[4] if len(sys.argv) > 4 else None


def rule(name, otherwise):
    with open(rules_file, encoding="utf-8") as file:
        return json.load(file).get(name, otherwise)


class Mailbox:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in rule("reject", []):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        reply = rule("data", "250 OK")
        if reply.startswith("250"):
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            entry = {
                "from": envelope.mail_from, "to": envelope.rcpt_tos, "encrypted": session.ssl is not None or kind == "smtps",
                "user": session.auth_data.login.decode() if session.authenticated else None,
                "headers": {name.lower(): str(value) for name, value in mail.items()},
                "text": mail.get_content(), "raw": envelope.content.decode("ascii"),
                "defects": [str(d) for d in mail.defects] + [str(d) for v in mail.values() for d in v.defects],
            }
            with open(log_file, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        return reply


def authenticate(server, session, envelope, mechanism, data):
    good = data.login.decode() == rule("user", None) and data.password.decode() == rule("password", None)
    return AuthResult(success=good, handled=good, auth_data=data)


async def main():
    context = None
    if kind:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[5], sys.argv[6])

    def session():
        return SMTP(Mailbox(), tls_context=context if kind == "starttls" else None,
                    authenticator=authenticate, auth_required=rule("user", None) is not None,
                    auth_require_tls=kind == "starttls", hostname="localhost")

    server = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", port, ssl=context if kind == "smtps" else None)
    await server.serve_forever()


asyncio.run(main())

#!/usr/bin/env python3
"""A receiver of webhooks that fails on purpose.

    web.py PORT RULES LOG [CERTIFICATE KEY]

RULES is a JSON file that is read for every request: {"modes": {path: mode}, "keys": {path: signing key}}. A mode is
  200 or another status   answers with it
  429:N, 503:N            with Retry-After: N
  redirect:URL            answers 302
  slow:SECONDS            answers 200 after a while
  hang                    answers once the mode has changed
  close                   reads the request and closes the connection
  endless                 answers 200 and never stops
  echo                    answers 400 and says what it was sent
Every request is a line of JSON in LOG before it is answered.
"""
import hashlib
import hmac
import http.server
import json
import ssl
import sys
import threading
import time

port, rules_file, log_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
lock = threading.Lock()


def rules(kind, path, otherwise):
    with open(rules_file, encoding="utf-8") as file:
        return json.load(file).get(kind, {}).get(path, otherwise)


def signature(path, headers, body):
    """As docs/delivery.md says a receiver should do it."""
    given, key = headers.get("X-People-Counter-Signature"), rules("keys", path, None)
    if given is None or key is None:
        return "none"
    signed = headers.get("X-People-Counter-Timestamp", "").encode() + b"." + body
    expected = "sha256=" + hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
    return "good" if hmac.compare_digest(given, expected) else "bad"


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.take(b"")

    def do_POST(self):
        self.take(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def take(self, body):
        mode = str(rules("modes", self.path, 200))
        entry = {
            "method": self.command, "path": self.path, "mode": mode, "body": body.decode(), "time": time.time(),
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "signature": signature(self.path, self.headers, body),
        }
        with lock, open(log_file, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        while mode == "hang":
            time.sleep(0.05)
            mode = str(rules("modes", self.path, 200))
        self.close_connection = True
        if mode == "close":
            return
        if mode == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"a" * 65536)
        status, _, argument = mode.partition(":")
        if status == "slow":
            time.sleep(float(argument))
            status, argument = 200, None
        text = b"answer of the receiver"
        if status == "echo":
            status, text = 400, str(self.headers).encode() + self.path.encode()
        self.send_response(302 if status == "redirect" else int(status))
        if status == "redirect":
            self.send_header("Location", argument)
        elif argument:
            self.send_header("Retry-After", argument)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):  # the one who asked is gone
        pass


server = Server(("127.0.0.1", port), Receiver)
if len(sys.argv) > 4:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()

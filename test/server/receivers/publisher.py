#!/usr/bin/env python3
"""Takes the messages of the live stream, in place of a gateway.

    publisher.py PORT RULES LOG [SOCKET]

It listens on the port of the loopback, and on a unix socket if one is named. RULES is a JSON file that is read for every
request: {"status": 200, "delay": seconds}. Every request is a line of JSON in LOG before it is answered; "connection"
tells connections apart.
"""
import http.server
import json
import os
import socket
import socketserver
import sys
import threading
import time

port, rules_file, log_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
lock = threading.Lock()
connections = 0


class Publisher(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = False  # there is none on a unix socket

    def log_message(self, *_):
        pass

    def setup(self):
        global connections
        super().setup()
        with lock:
            connections += 1
            self.number = connections

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with open(rules_file, encoding="utf-8") as file:
            rules = json.load(file)
        time.sleep(rules.get("delay", 0))
        status = rules.get("status", 200)
        message = json.loads(body)
        if len(body) > 50_000:  # of so many, what tells them apart
            message["movements"] = [{key: movement[key] for key in ("id", "person_id", "movement_time")}
                                    for movement in message["movements"]]
        entry = {"path": self.path, "status": status, "body": message, "connection": self.number,
                 "type": self.headers.get("Content-Type")}
        with lock, open(log_file, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, *_):  # the one who asked is gone
        pass


class SocketServer(Server):
    address_family = socket.AF_UNIX

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", 0

    def get_request(self):
        request, _ = self.socket.accept()
        return request, ("unix", 0)


if len(sys.argv) > 4:
    if os.path.exists(sys.argv[4]):
        os.unlink(sys.argv[4])
    by_socket = SocketServer(sys.argv[4], Publisher)
    os.chmod(sys.argv[4], 0o666)
    threading.Thread(target=by_socket.serve_forever, daemon=True).start()
Server(("127.0.0.1", port), Publisher).serve_forever()

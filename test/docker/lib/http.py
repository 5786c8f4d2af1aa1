"""Requests over HTTP, and a subscriber of the live stream."""

import http.client
import json
import threading

# A POST in the container of the database, which has no other client: prints the first line of the answer.
PERL_POST = """my $s = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => 8001, Timeout => 10) or die "$@";
print $s "POST /publish?database=1-1 HTTP/1.0\\r\\nHost: gateway\\r\\nContent-Length: 2\\r\\n\\r\\n{}"; print scalar <$s>"""


def ask(method, address, port, path, body=None, headers=None):
    """(status, body), or nothing while nobody answers."""
    connection = http.client.HTTPConnection(address, port, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return None
    finally:
        connection.close()


def get(address, port, path):
    return ask("GET", address, port, path)


def post(address, port, path, body):
    return ask("POST", address, port, path, body, {"Content-Type": "application/json"})


class Subscriber:
    """Of everything, by server-sent events. people: the person_id of each movement, in the order of arrival; another subscriber
    that it follows has seen those before."""

    def __init__(self, address, port, key, before=None):
        self.people, self.last, self.closed = list(before.people) if before else [], before.last if before else None, False
        headers = {"X-API-Key": key, "Accept": "text/event-stream"}
        if self.last:
            headers["Last-Event-ID"] = self.last
        self.connection = http.client.HTTPConnection(address, port, timeout=60)
        self.connection.request("GET", "/events", headers=headers)
        self.answer = self.connection.getresponse()
        if self.answer.status != 200:
            raise AssertionError(f"/events: {self.answer.status} {self.answer.read()}")
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        number = None
        try:
            while line := self.answer.readline():
                if line.startswith(b"id: "):
                    number = line[4:].strip().decode()
                elif line.startswith(b"data: "):
                    message = json.loads(line[6:])
                    self.people += [movement["person_id"] for movement in message.get("movements", [])]
                    self.last = number
        except (OSError, http.client.HTTPException):
            pass
        self.closed = True

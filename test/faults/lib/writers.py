"""Clients that write until they are told to stop, whatever happens to the server, and know what was acknowledged.

Whatever a writer changes can be tried again: its ids are its own, so a second try after an answer that was lost changes
nothing. So there is nothing in between once it rests: what it wrote down is what must be in the database, no more and no less.
"""

import collections
import datetime
import threading
import time
import uuid

import psycopg

from harness import TIMEOUT, dice, wait_for

SHARED = [f"00000000-0000-7000-8000-{n:012d}" for n in range(1, 7)]
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

# The connection is lost, or the server is on its way down or up.
GONE = {"connection", "57P01", "57P02", "57P03"}


def microseconds(at=None):
    return int((time.time() if at is None else at) * 1_000_000)


def text_of(usec):
    return (EPOCH + datetime.timedelta(microseconds=usec)).isoformat()


class Movement(collections.namedtuple("Movement", "id session usec direction")):
    def line(self):
        return "\t".join(map(str, self))


class Stopped(Exception):
    """It was told to stop in the middle of something that does not work."""


class Writer(threading.Thread):
    def __init__(self, crowd, number, operations):
        super().__init__(daemon=True, name=f"writer {number}")
        self.crowd, self.number, self.operations = crowd, number, operations
        self.dice = dice(self.name)
        self.connection = None
        self.idle = threading.Event()
        self.movements = {}  # acknowledged: by id
        self.kept = {}       # likewise; they stay as they are
        self.archived = {}   # likewise; retention has taken them out of the table
        self.samples = {}
        self.baselines = {}
        self.sessions = {}  # of its own: their ids, and whether they are open
        self.visits = []    # what there must be an alert for: (session, in, out)
        self.errors = collections.Counter()
        self.messages = {}
        self.done = collections.Counter()
        self.sequence = 0
        self.broken = None  # what it did not survive itself

    # ---- what operations use ---------------------------------------------------------------------------------------

    def new_id(self):
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def any_session(self):
        return self.dice.choice(SHARED + [session for session, is_open in self.sessions.items() if is_open])

    def new_movements(self, session, count, before=0.0, spread=1.0):
        """They end `before` seconds ago. No two are at one instant with those of another writer, so that keys are its own."""
        now = microseconds() - int(before * 1_000_000)
        return [Movement(self.new_id(), session, now - int(self.dice.random() * spread * 1_000_000), self.dice.choice(("in", "in", "out")))
                for _ in range(count)]

    def note_movements(self, rows):
        for row in rows:
            self.movements[row.id] = row

    def forget_movements(self, rows):
        for row in rows:
            del self.movements[row.id]

    def some_movements(self, count):
        """Of those that were acknowledged, of one session: whoever locks rows of several does so in their order."""
        oldest = microseconds() - self.crowd.touches * 1_000_000
        all_of_them = [row for row in self.movements.values() if row.usec > oldest]
        if not all_of_them:
            return []
        start = self.dice.randrange(len(all_of_them))
        session = all_of_them[start].session
        return [row for row in all_of_them[start:start + 3 * count] if row.session == session][:count]

    def commit(self, attempt):
        """Tries until it is acknowledged. Returns how many tries it took."""
        tries = 0
        while True:
            tries += 1
            try:
                if self.connection is None:
                    self.connection = self.crowd.connect()
                self.crowd.prepare(self.connection, self.dice, tries)
                attempt(self.connection)
                return tries
            except psycopg.Error as error:
                self.note_error(error)
                if self.crowd.over and tries > 3:
                    raise Stopped from error
                time.sleep(0.01 + 0.1 * self.dice.random())

    def note_error(self, error):
        code = error.sqlstate or "connection"
        self.errors[code] += 1
        self.messages.setdefault(code, str(error))
        connection = self.connection
        if connection is None:
            return
        try:
            if not connection.broken and not connection.closed:
                connection.rollback()
                return
        except psycopg.Error:
            pass
        connection.close()
        self.connection = None

    # ---- its life ------------------------------------------------------------------------------------------------------

    def run(self):
        try:
            names, weights = zip(*((operation, weight) for operation, weight in self.operations))
            while not self.crowd.over:
                if not self.crowd.go.is_set():
                    self.idle.set()
                    self.crowd.go.wait()
                    self.idle.clear()
                    continue
                operation = self.dice.choices(names, weights)[0]
                if len(self.movements) > self.crowd.most:
                    operation = self.crowd.trim
                operation(self)
                self.done[operation.__name__] += 1
                time.sleep(self.crowd.pause * self.dice.random() * 2)
        except Stopped:
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.broken = error
        finally:
            self.idle.set()
            if self.connection is not None:
                self.connection.close()


class Crowd:
    """Writers that go and rest together. What is older than they touch, in seconds, they neither correct nor delete."""

    def __init__(self, connect, operations, number=4, pause=0.01, most=8000, touches=30 * 86400, prepare=lambda connection, chance, tries: None):
        self.connect, self.pause, self.prepare, self.most, self.touches = connect, pause, prepare, most, touches
        self.trim = next(operation for operation, _ in operations if operation.__name__ == "delete")  # there are enough of them
        self.go = threading.Event()
        self.over = False
        self.writers = [Writer(self, n, operations) for n in range(1, number + 1)]

    def __iter__(self):
        return iter(self.writers)

    def start(self):
        self.go.set()
        for writer in self.writers:
            writer.start()
        return self

    def rest(self):
        """Until each has had its acknowledgement."""
        self.go.clear()
        for writer in self.writers:
            if not writer.idle.wait(TIMEOUT):
                raise TimeoutError(f"{writer.name} has no answer: {writer.messages}")
            if writer.broken:
                raise writer.broken
        return self

    def resume(self):
        self.go.set()

    def end(self):
        self.rest()
        self.over = True
        self.go.set()
        for writer in self.writers:
            writer.join(TIMEOUT)

    def wrote(self):
        return sum(sum(writer.done.values()) for writer in self.writers)

    def goes_on(self, more=20):
        """Until so many more operations were acknowledged."""
        self.resume()
        wanted = self.wrote() + more
        wait_for("the writers to get on", lambda: self.wrote() >= wanted or any(writer.broken for writer in self.writers))
        for writer in self.writers:
            if writer.broken:
                raise writer.broken

    def errors(self):
        return sum((writer.errors for writer in self.writers), collections.Counter())

    def unexpected(self, *expected):
        """What the writers met with beside these SQLSTATEs."""
        return [f"{code}: {writer.messages[code]}" for writer in self.writers for code in writer.errors if code not in expected]

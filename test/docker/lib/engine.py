"""Docker Compose as far as docker/manage_db.sh asks for it, in the containers of a Stack: stand-ins/docker hands on what it was
called with, and its standard input, output and error."""

import json
import os
import signal
import socket
import subprocess
import threading

from lib.container import wait

# In the order of depends_on; without the optional ones.
ORDER = ["redis", "postgres", "prepare", "postgrest", "gateway"]


class Engine:
    def __init__(self, stack, path):
        self.stack, self.calls, self.one_off = stack, [], {}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.answer, args=[connection], daemon=True).start()

    def answer(self, connection):
        text, streams, _, _ = socket.recv_fds(connection, 65536, 3)
        status = 125
        try:
            words = json.loads(text)
            self.calls.append(words)
            status = self.carry_out(words, streams)
        except Exception as error:   # whatever it is, whoever called is to be told
            os.write(streams[2], f"docker: {type(error).__name__}: {error}\n".encode())
        finally:
            for each in streams:
                os.close(each)
            connection.sendall(str(status).encode())
            connection.close()

    def carry_out(self, words, streams):
        if words[:1] != ["compose"]:
            raise ValueError(f"there is no {words}")
        words = words[1:]
        if words[:1] == ["--project-directory"]:
            words = words[2:]
        return getattr(self, f"do_{words[0]}")(words[1:], streams)

    @staticmethod
    def options(words, with_value):
        """(the options in front, the rest)."""
        found = []
        while words and words[0].startswith("-"):
            count = 2 if words[0] in with_value else 1
            found.append(words[:count])
            words = words[count:]
        return found, words

    def do_version(self, _, __):
        return 0

    def do_up(self, words, _):
        assert words == ["-d", "--wait"], words
        for name in [name for name in ORDER if name in self.stack.containers]:
            container = self.stack[name]
            if name == "prepare":
                if container.start().process.wait(timeout=120):
                    raise AssertionError(container.output())
            elif not container.runs():
                container.start().healthy()
        return 0

    def do_stop(self, words, _):
        assert not words, words
        for name in reversed(ORDER):
            if name in self.stack.containers and self.stack[name].runs():
                self.stack[name].stop(signal.SIGINT if name == "postgres" else signal.SIGTERM)
        return 0

    def do_ps(self, _, streams):
        for name, container in self.stack.containers.items():
            os.write(streams[1], f"{name}  {'running' if container.runs() else 'exited'}\n".encode())
        return 0

    def do_rm(self, words, _):
        assert words == ["-f"], words
        return 0

    def do_logs(self, words, streams):
        _, names = self.options(words, ["--tail"])
        for name in names or self.stack.containers:
            os.write(streams[1], self.stack[name].output().encode())
        return 0

    def do_exec(self, words, streams):
        options, words = self.options(words, ["-e"])
        more = dict(option[1].split("=", 1) for option in options if option[0] == "-e")
        container = self.stack[words[0]]
        if not container.runs():
            os.write(streams[2], f'service "{words[0]}" is not running\n'.encode())
            return 1
        return subprocess.call(container.within(words[1:], **more), stdin=streams[0], stdout=streams[1], stderr=streams[2])

    def do_run(self, words, streams):
        options, words = self.options(words, ["--entrypoint"])
        changes = {"entrypoint": [option[1] for option in options if option[0] == "--entrypoint"], "command": words[1:]}
        assert ["--rm"] in options and ["--no-deps"] in options, options
        container = self.one_off.setdefault(words[0], None) or self.stack.make(words[0])
        self.one_off[words[0]], container.document = container, self.stack.document
        container.service = {**self.stack.document["services"][words[0]], **changes}
        container.start(streams)
        return wait("it has ended", lambda: [container.process.poll()] if container.process.poll() is not None else None, 300)[0]

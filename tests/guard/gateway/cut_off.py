"""A bad line to a database: it breaks at the moment at which nobody knows what was written."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

from tests.guard.gateway.postgres import PostgresServer


class CutOff:
    """Passes on what goes to a server and comes back, until a COMMIT: that connection it cuts, once.

    Args:
        server: Where it passes on to.
        when: `after` the COMMIT was passed on, so that only its answer is lost; `before`; or `half`, where
            the server hears nothing and takes the connection for alive.
    """

    def __init__(self, server: PostgresServer, when: str) -> None:
        self._server, self._when = server, when
        self.armed = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listening]
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server.port))
                self._sockets += [client, server]
                threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
                threading.Thread(target=self._to_client, args=(server, client), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                if self.armed and b"COMMIT" in data:
                    self.armed = False
                    client.shutdown(socket.SHUT_RDWR)
                    if self._when == "half":
                        return
                    if self._when == "after":
                        server.sendall(data)
                        time.sleep(0.2)  # the server ends it meanwhile, and nobody hears of it
                    break
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)

    def _to_client(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

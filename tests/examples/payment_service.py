"""A payment service that never charges twice for one key, whatever dies, beside a bank that counts.

Worker processes serve POST /payments as server/HTTP.md says; they share a listening socket, and one
that has died is started again. For every payment several clients send the same request, and each
insists until it has an answer. Workers die before and after the charge, and at random moments; some
stall until another worker has finished their payment. Restart idem-server as you like meanwhile.

What makes that safe. The store knows that a claim was begun and not finished; it cannot know
whether the charge was made. So a second attempt asks the bank before it charges, and the token goes
to the bank as a fence: once the second attempt has asked, the first one, should it still live, is
refused. A bank that can neither be asked nor refuse needs HOLD and an operator: server/HTTP.md.

    payment_service.py [port [payments]]
"""
import collections
import concurrent.futures
import contextlib
import http.client
import http.server
import json
import multiprocessing
import os
import random
import signal
import socket
import sys
import threading
import time
import uuid

import redis

WORKERS = 8
CLIENTS_PER_PAYMENT = 3
CLIENTS_AT_ONCE = 24
LEASE_MS = 1000
SECONDS = 60  # a bound: who has no answer by then gives up
TROUBLES = (None, "dies before the charge", "dies after the charge", "stalls", "dies at random")
PRICE = 42
TOO_MUCH = 5000  # the bank declines it
TENANTS = {"Bearer secret-of-acme": "acme"}
AUTHORIZATION = next(iter(TENANTS))

over = threading.Event()  # nothing sets it: to wait for it is to pause


class Service(http.server.BaseHTTPRequestHandler):
    def body(self):
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, status, body, headers=None):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # whoever asked may have died
            self.wfile.write(body)

    def log_message(self, *_):
        """Is not of interest."""


# --- A worker ---------------------------------------------------------------------------------------


class Payments(Service):
    """POST /payments. `idem` and `bank` are set by serve()."""

    def do_POST(self):
        body = self.body()
        tenant = TENANTS.get(self.headers["Authorization"])
        name = self.headers.get("Idempotency-Key", "")
        # Refused before there is a claim: nothing of this is stored, nothing of it is replayed.
        if tenant is None:
            return self.answer(401, "who are you?")
        if not 1 <= len(name) <= 255:
            return self.answer(400, "send an Idempotency-Key of 1 to 255 characters")
        if json.loads(body).get("amount", 0) <= 0:
            return self.answer(400, "send an amount")
        try:
            return self.pay_once(f"{tenant}:{name}", body)
        except redis.RedisError:  # idem-server is away: what was not answered is unknown
            return self.answer(503, "come again", {"Retry-After": "1"})
        except OSError:  # so is the bank: the claim stays, and the next attempt will ask the bank
            return self.answer(503, "come again", {"Retry-After": "1"})

    def pay_once(self, key, body):
        request = b"POST /payments\n" + body
        match self.idem("IDEM.BEGIN", key, "BODY", request, "LEASE", LEASE_MS,
                        "OWNER", uuid.uuid4().hex):
            case [b"CLAIMED", token, attempt, *_]:
                return self.pay(key, token, attempt, json.loads(body)["amount"])
            case [b"REPLAY", _, code, response, *_]:
                return self.answer(code or 200, response or b"", {"Idempotent-Replayed": "true"})
            case [b"BUSY", b"held", *_]:
                return self.answer(409, "a person looks at this payment")
            case [b"BUSY", b"running", *_]:  # may be finished long before its lease ends
                return self.answer(409, "it is being paid", {"Retry-After": "1"})
            case [b"BUSY", b"backoff", retry_after_ms, *_]:
                return self.answer(409, "not yet", {"Retry-After": str(-(-retry_after_ms // 1000))})
            case [b"MISMATCH", *_]:
                return self.answer(422, "this key was used for another payment")
            case _:  # TOOOLD
                return self.answer(410, "too late: look whether it was paid")

    def pay(self, key, token, attempt, amount):
        trouble = self.headers.get("Trouble", "") if attempt == 1 else ""
        self.suffer(trouble, "before", key)
        status, receipt = 404, None
        if attempt > 1:  # somebody began before and did not finish: was it charged?
            status, receipt = self.bank("/find", reference=key, fence=token)
        if status == 404:
            status, receipt = self.bank("/charge", reference=key, fence=token, amount=amount)
        self.suffer(trouble, "after", key)
        if status == 409:  # refused for its token: another worker has this payment
            return self.answer(409, "it is being paid", {"Retry-After": "1"})
        try:
            if status == 402:
                self.idem("IDEM.FAIL", key, token, "FINAL", "declined", "CODE", 402)
                return self.answer(402, "declined")
            self.idem("IDEM.COMPLETE", key, token, receipt, "CODE", 201)
            return self.answer(201, receipt)
        except redis.ResponseError:  # FENCED: a successor has it, and found this charge
            return self.answer(409, "it is being paid", {"Retry-After": "1"})

    def suffer(self, trouble, moment, key):
        """What happens to workers."""
        def die():
            os.kill(os.getpid(), signal.SIGKILL)
        if trouble == f"dies {moment} the charge":
            die()
        if trouble == "dies at random" and moment == "before":
            threading.Timer(random.uniform(0, 0.02), die).start()
        if trouble == "stalls" and moment == "before":
            for _ in range(200):  # not for ever: all workers may be stalled
                about = self.idem("IDEM.GET", key)
                if dict(zip(about[::2], about[1::2]))[b"state"] not in (b"running", b"orphaned"):
                    break
                over.wait(0.05)


def serve(listener, idem_port, bank_port):
    random.seed()  # each process its own
    client = redis.Redis(port=idem_port, socket_timeout=5)

    def idem(*command):
        """Asks until there is an answer. A BEGIN with its OWNER and a settlement may be repeated:
        if the first one did arrive, the second has no effect but to tell the same."""
        for _ in range(50):
            try:
                return client.execute_command(*command)
            except (redis.ConnectionError, redis.TimeoutError):  # LOADING is one, too
                over.wait(0.1)
        raise redis.ConnectionError("idem-server does not come back")

    def bank(path, **what):
        status, _, body = post(bank_port, path, json.dumps(what).encode())
        return status, body

    Payments.idem, Payments.bank = staticmethod(idem), staticmethod(bank)
    server = http.server.HTTPServer(listener.getsockname(), Payments, bind_and_activate=False)
    server.socket = listener
    server.serve_forever()


# --- The bank ---------------------------------------------------------------------------------------


class Bank(Service):
    """POST /charge charges whoever asks, as often as they ask. All that it does for its callers is
    what one row of a database can do: it remembers the highest fence that it saw for a reference,
    and refuses what comes with a lower one."""

    lock = threading.Lock()
    charges = collections.Counter()
    fences = {}
    found = refused = 0

    def do_POST(self):
        what = json.loads(self.body())
        with Bank.lock:
            status, body = self.decide(what["reference"], what["fence"], what.get("amount", 0))
        self.answer(status, body)

    def decide(self, reference, fence, amount):
        receipt = b"receipt for " + reference.encode()
        if fence < Bank.fences.get(reference, 0):
            Bank.refused += 1
            return 409, b""
        Bank.fences[reference] = fence
        if self.path == "/find":
            Bank.found += reference in Bank.charges
            return (200, receipt) if reference in Bank.charges else (404, b"")
        if amount >= TOO_MUCH:
            return 402, b""
        Bank.charges[reference] += 1
        return 201, receipt


# --- Clients ----------------------------------------------------------------------------------------


def post(port, path, body, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, body, {"Authorization": AUTHORIZATION, **headers})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def insist(port, payment, until_s):
    """One client: the same request until it is settled. Returns (status, headers, body)."""
    key, amount, trouble = payment
    headers = {"Idempotency-Key": key, "Trouble": trouble or ""}
    while time.monotonic() < until_s:
        try:
            answer = post(port, "/payments", json.dumps({"amount": amount}).encode(), **headers)
        except (OSError, http.client.HTTPException):  # the worker died: unknown; the same key again
            over.wait(0.1)
            continue
        if answer[0] not in (409, 503):
            return answer
        over.wait(int(answer[1]["Retry-After"]))
    sys.exit(f"no answer for {key} in {SECONDS} s")


# --- The play ---------------------------------------------------------------------------------------


def keep_workers(listener, idem_port, bank_port, deaths):
    """Forks workers, and others in the place of those that die, which it counts."""
    parent, workers = os.getppid(), set()
    while os.getppid() == parent:
        while len(workers) < WORKERS:
            worker = os.fork()
            if worker == 0:
                serve(listener, idem_port, bank_port)
            workers.add(worker)
        dead, _ = os.waitpid(-1, os.WNOHANG)
        if dead == 0:
            over.wait(0.05)
            continue
        workers.remove(dead)
        deaths.value += 1
    os.killpg(0, signal.SIGKILL)


@contextlib.contextmanager
def workers_of(listener, *ports):
    """A process group that serves while the block runs. Gives the count of those that died. To be
    called before there are threads, because it forks."""
    deaths = multiprocessing.RawValue("i")
    group = os.fork()
    if group == 0:
        os.setpgid(0, 0)
        keep_workers(listener, *ports, deaths)
    try:
        yield deaths
    finally:
        os.killpg(group, signal.SIGKILL)
        os.waitpid(group, 0)


def check(payments, answers, replays):
    """The bank's count is the truth."""
    for (key, amount, _), replay in zip(payments, replays):
        expected = 0 if amount >= TOO_MUCH else 1
        charged = Bank.charges["acme:" + key]
        assert charged == expected, f"{key} was charged {charged} times"
        told = {(status, body) for status, _, body in answers[key]}
        assert len(told) == 1, f"{key}: its clients were told {told}"
        assert told == {(replay[0], replay[2])} and replay[0] == (201 if expected else 402), replay
        assert replay[1]["Idempotent-Replayed"] == "true", replay
    assert sum(Bank.charges.values()) == len(+Bank.charges), Bank.charges  # and none besides


def play(port, payments):
    """All clients of all payments, many at once; then everyone asks once more."""
    until_s = time.monotonic() + SECONDS
    with concurrent.futures.ThreadPoolExecutor(CLIENTS_AT_ONCE) as pool:
        clients = {payment[0]: [pool.submit(insist, port, payment, until_s)
                                for _ in range(CLIENTS_PER_PAYMENT)] for payment in payments}
        answers = {key: [client.result() for client in of_key] for key, of_key in clients.items()}
    replays = [insist(port, payment, until_s) for payment in payments]
    other = insist(port, (payments[0][0], PRICE + 1, None), until_s)
    assert other[0] == 422, other
    return answers, replays


def main(idem_port=6379, count=20):
    bank = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bank)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    payments = [(uuid.uuid4().hex, TOO_MUCH if number % 8 == 7 else PRICE,
                 TROUBLES[number % len(TROUBLES)]) for number in range(count)]
    with workers_of(listener, idem_port, bank.server_address[1]) as deaths:
        threading.Thread(target=bank.serve_forever, daemon=True).start()
        answers, replays = play(listener.getsockname()[1], payments)
    check(payments, answers, replays)
    print(f"{count} payments, {count * CLIENTS_PER_PAYMENT} clients: {len(+Bank.charges)} charges, "
          f"none twice; {deaths.value} workers died; a second attempt found {Bank.found} "
          f"charges, and the bank refused {Bank.refused} late ones")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

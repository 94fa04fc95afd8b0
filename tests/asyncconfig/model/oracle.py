"""What must come of each request, told from the rules alone and kept in memory.

It reads no row and calls nothing of the engine. Every act of the engine is told to it,
and each time the rows must say the same.
"""

from dataclasses import dataclass, field

LEASE = 10.0
BASE, CAP = 10.0, 600.0
MAX_LOSSES = 3
WAIT, RUNNING = "WAIT", "RUNNING"
OVER = ("SUCCESS", "FAIL", "DISCARD")


@dataclass(frozen=True)
class Rules:
    """What holds for requests to one function: ages are seconds."""

    user_retries: int = 0
    system_retries: int = 1
    max_age: float = 3600.0
    on_success: str = ""
    on_failure: str = ""


@dataclass
class Request:
    """One accepted request; `holder` is the worker's key and the epoch of its claim."""

    function: str
    rules: Rules
    is_sync: bool
    due: float
    deadline: float
    status: str = WAIT
    condition: str = ""
    attempts: int = 0
    losses: int = 0
    epoch: int = 0
    wish: str = ""
    holder: tuple[int, int] | None = None
    is_noted: bool = False

    @property
    def is_over(self):
        return self.status in OVER

    @property
    def owes(self):
        """The kind that is owed a notification; "" for nobody."""
        if self.is_sync or not self.is_over:
            return ""
        rules = self.rules
        return rules.on_success if self.status == "SUCCESS" else rules.on_failure

    @property
    def facts(self):
        return (self.status, self.condition, self.attempts, self.losses, self.wish)


@dataclass
class Oracle:
    """All requests by their key; `now` is the database's time in seconds."""

    requests: dict[int, Request] = field(default_factory=dict)
    now: float = 0.0

    def accept(self, key, function, rules, *, is_sync=False):
        assert key not in self.requests
        age = 90.0 if is_sync else rules.max_age
        rules = Rules(0, 0, age) if is_sync else rules
        self.requests[key] = Request(function, rules, is_sync, self.now, self.now + age)

    def claim(self, key, worker, epoch, *, is_noted):
        one = self.requests[key]
        assert one.status == WAIT, f"{key} was claimed while it was {one.status}"
        assert one.due <= self.now <= one.deadline
        assert not one.wish, f"{key} was cancelled and starts all the same"
        assert epoch > one.epoch
        one.status, one.epoch, one.is_noted = RUNNING, epoch, is_noted
        one.holder = worker, epoch

    def settle(self, key, worker, epoch, outcome):
        """`outcome` is ok, code, system, cancelled, lost or unstarted."""
        one = self.requests[key]
        if one.holder != (worker, epoch):
            return
        if outcome in ("lost", "unstarted"):
            self._lose(one, started=outcome == "lost")
            return
        one.attempts += 1
        if outcome == "ok":
            self._end(one, "SUCCESS", "")
        elif outcome == "cancelled" or one.wish:
            self._end(one, "FAIL", "Cancelled")
        else:
            self._fail(one, outcome)

    def _fail(self, one, outcome):
        is_system = outcome == "system"
        retries = one.rules.system_retries if is_system else one.rules.user_retries
        if one.attempts > retries:
            condition = "SystemError" if is_system else "UnhandledInvocationError"
            self._end(one, "FAIL", condition)
            return
        due = self.now + min(BASE * 2 ** (one.attempts - 1), CAP)
        if due > one.deadline:
            self._end(one, "FAIL", "EventAgeExceeded")
        else:
            self._put_back(one, due)

    def _lose(self, one, *, started):
        one.losses += started
        if one.wish:
            self._end(one, "FAIL", "Cancelled")
        elif one.losses >= MAX_LOSSES or (one.is_sync and one.losses):
            self._end(one, "FAIL", "SystemError")
        elif self.now > one.deadline:
            self._expire(one)
        else:
            self._put_back(one, self.now)

    def note(self, key, worker, epoch):
        """A run that was claimed ahead has begun."""
        one = self.requests[key]
        if one.holder == (worker, epoch):
            one.is_noted = True

    def release(self, key, worker, epoch):
        one = self.requests[key]
        if one.holder != (worker, epoch):
            return
        if one.wish:
            self._end(one, "FAIL", "Cancelled")
        else:
            self._put_back(one, one.due)

    def free(self, workers):
        """Give back what dead workers hold."""
        for one in self.requests.values():
            if one.holder and one.holder[0] in workers:
                self._lose(one, started=one.is_noted)

    def expire(self, *keys):
        """End what is too old: these, or all."""
        for key in keys or list(self.requests):
            one = self.requests[key]
            if one.status == WAIT and self.now > one.deadline:
                self._expire(one)

    def _expire(self, one):
        self._end(one, "FAIL" if one.attempts else "DISCARD", "EventAgeExceeded")

    def cancel(self, key, *, force):
        """Return whether it could be stopped."""
        one = self.requests[key]
        if one.is_over:
            return False
        one.wish = "force" if force else "stop"
        if one.status == WAIT:
            self._end(one, "FAIL", "Cancelled")
        return True

    def stop_loop(self, key):
        self._end(self.requests[key], "DISCARD", "LoopDetected")

    def agrees(self, facts):
        return facts == {key: one.facts for key, one in self.requests.items()}

    def _put_back(self, one, due):
        one.status, one.due, one.holder, one.is_noted = WAIT, due, None, False

    def _end(self, one, status, condition):
        assert not one.is_over
        one.status, one.condition, one.holder = status, condition, None

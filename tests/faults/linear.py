"""Whether what clients saw of environments can have happened one after the other.

A history is a list of operations on one environment, each with the times of its call and its answer. It is linearizable when every
operation can be given a moment between the two so that, done one after the other in this order, each gives the answer that it gave
(Herlihy and Wing 1990). The search is that of Wing and Gong with the memory of Lowe: states that were reached with the same operations
done are not tried twice. An operation that was not answered may have happened, at any moment after its call, or not.

The model is what KV version 2 promises: put with and without check-and-set, patch, get, delete, undelete, destroy, and the whole state,
as a reading of the metadata and all versions shows it. Values are sets of variables, so a write of several that is not atomic is no
state of the model.
"""
import random

KEPT = 10  # versions of an environment, unless its settings say otherwise
DESTROYED, DELETED, READABLE = "destroyed", "deleted", "readable"
CONFLICT, ABSENT, DONE = "conflict", "absent", "done"
EMPTY = (0, ())


class Operation:
    """answer None: not answered. returned is then of no meaning."""
    __slots__ = ("kind", "argument", "called", "returned", "answer")

    def __init__(self, kind, argument, called, returned=None, answer=None):
        self.kind, self.argument, self.called, self.returned, self.answer = kind, argument, called, returned, answer

    def __repr__(self):
        return f"{self.kind}({self.argument}) {self.called}..{self.returned} -> {self.answer}"


def value_of(variables):
    return tuple(sorted(variables.items()))


def _with(state, value):
    current, versions = state
    return current + 1, (*versions, (current + 1, READABLE, value))[-KEPT:]


def _mark(state, number, change):
    current, versions = state
    return current, tuple((n, *change(flag, value)) if n == number else (n, flag, value) for n, flag, value in versions)


def _newest(state):
    return state[1][-1] if state[1] else (0, DESTROYED, None)


def _put(state, argument):
    value, cas = argument
    if cas is not None and cas != state[0]:
        return state, CONFLICT
    return _with(state, value), state[0] + 1


def _patch(state, argument):
    _, flag, value = _newest(state)
    if flag != READABLE:
        return state, ABSENT
    return _with(state, value_of({**dict(value), **dict(argument)})), state[0] + 1


def _get(state, _):
    number, flag, value = _newest(state)
    return state, (number, value) if flag == READABLE else ABSENT


def _delete(state, _):
    return _mark(state, state[0], lambda flag, value: (DELETED if flag == READABLE else flag, value)), DONE


def _undelete(state, number):
    return _mark(state, number, lambda flag, value: (READABLE if flag == DELETED else flag, value)), DONE


def _destroy(state, number):
    return _mark(state, number, lambda flag, value: (DESTROYED, None)), DONE


def visible(state):
    """What can be read of a state: a deleted version's value cannot."""
    return state[0], tuple((n, flag, value if flag == READABLE else None) for n, flag, value in state[1])


MODEL = {"put": _put, "patch": _patch, "get": _get, "delete": _delete, "undelete": _undelete, "destroy": _destroy,
         "state": lambda state, _: (state, visible(state))}


def _known(operations):
    """What the answers tell of versions: a version's value never changes, and the last reading of all knows how many there are."""
    values, last = {}, None
    for operation in operations:
        if operation.answer is None or operation.answer in (CONFLICT, ABSENT, DONE):
            continue
        if operation.kind == "put":
            values[operation.answer] = operation.argument[0]
        elif operation.kind == "get":
            values[operation.answer[0]] = operation.answer[1]
        elif operation.kind == "state":
            last = operation.answer[0]
            values.update((number, value) for number, flag, value in operation.answer[1] if flag == READABLE)
    return values, last


def _fits(state, known):
    """Whether the newest version may be what it is. Without this, operations that were not answered are tried in all orders."""
    (number, versions), (values, last) = state, known
    return not versions or ((last is None or number <= last) and versions[-1][2] in (None, values.get(number, versions[-1][2])))


def linearizable(operations, initial=EMPTY):
    """The states that the history may have ended in; none when it is not linearizable. Several, as far as deleted values go."""
    operations = sorted(operations, key=lambda operation: operation.called)
    required = sum(1 << i for i, operation in enumerate(operations) if operation.answer is not None)
    ends, tried, stack, known = set(), set(), [(0, initial)], _known(operations)
    while stack:
        done, state = stack.pop()
        if (done, state) in tried:
            continue
        tried.add((done, state))
        if done & required == required:
            ends.add(state)
            continue
        first_end = min(operation.returned for i, operation in enumerate(operations)
                        if operation.answer is not None and not done >> i & 1)
        next_ones = []
        for i, operation in enumerate(operations):
            if operation.called > first_end:
                break
            if not done >> i & 1:
                after, answer = MODEL[operation.kind](state, operation.argument)
                if operation.answer == answer and (operation.kind in ("get", "state") or answer in (CONFLICT, ABSENT)):
                    # What changes nothing, whenever it happens, and fits may as well happen now: nothing is tried instead of it.
                    next_ones = [(done | 1 << i, state)]
                    break
                if (operation.answer == answer or (operation.answer is None and after != state)) and _fits(after, known):
                    next_ones.append((done | 1 << i, after))
        stack.extend(next_ones)
    return ends


# -- histories that are made up, and bugs that are planted in them ---------------------------------------------------


class Made:
    """A history of clients that are cut off at one moment, and the state that is read afterwards."""

    def __init__(self, seed, bug=None):
        self.dice, self.bug, self.planted = random.Random(seed), bug, False
        self.cut = 100.0
        self.moments = {}
        self.operations = [operation for client in range(6) for operation in self._client(client)]
        self._answer()

    def _argument(self, kind, number):
        value = {"A": str(number), "B": str(number), "C": str(number)}
        if kind == "put":
            return value_of(value), self.dice.choice((None, None, self.dice.randrange(1, 12)))
        if kind == "patch":
            return value_of({"A": str(number), "B": str(number)})
        return self.dice.randrange(1, 12) if kind in ("undelete", "destroy") else None

    def _client(self, client):
        now, number = self.dice.uniform(0, 10), client * 1000
        while now < self.cut:
            kind = self.dice.choices(("put", "patch", "get", "delete", "undelete", "destroy"), (5, 4, 8, 1, 2, 1))[0]
            operation = Operation(kind, self._argument(kind, number), now, now + self.dice.expovariate(0.15) + 0.01)
            self.moments[operation] = self.dice.uniform(now, operation.returned)
            now, number = operation.returned + self.dice.expovariate(0.3), number + 1
            yield operation

    def _answer(self):
        """In the order of the moments; of those that the cut comes before, nothing happens."""
        state, states = EMPTY, [(0.0, EMPTY)]
        victim = self._victim()
        for operation in sorted(self.operations, key=self.moments.get):
            if self.moments[operation] > self.cut:
                continue
            before = state
            after, operation.answer = MODEL[operation.kind](state, operation.argument)
            state = after
            if operation is victim and after != before:
                self.planted = True
                state = before if self.bug == "lost write" else MODEL[operation.kind](after, operation.argument)[0]
                self.planted = state != after
            states.append((self.moments[operation], state))
        for operation in self.operations:
            if operation.returned > self.cut:
                operation.answer = None
        if self.bug in LIES:
            self.planted = LIES[self.bug](self, states)
        self.operations.append(Operation("state", None, self.cut + 1, self.cut + 2, visible(state)))

    def _victim(self):
        writes = [operation for operation in self.operations if operation.kind in ("put", "patch") and operation.returned <= self.cut and
                  (operation.kind == "patch" or operation.argument[1] is None)]
        return self.dice.choice(writes) if self.bug in ("lost write", "write twice") else None

    def reads(self):
        reads = [operation for operation in self.operations if operation.kind == "get" and operation.answer not in (None, ABSENT)]
        self.dice.shuffle(reads)
        return reads


def _stale_read(made, states):
    for read in made.reads():
        writes = [operation.answer for operation in made.operations if operation.kind in ("put", "patch") and
                  isinstance(operation.answer, int) and operation.returned < read.called]
        older = [MODEL["get"](state, None)[1] for _, state in states if state[0] < max(writes, default=0)]
        older = [answer for answer in older if answer != ABSENT]
        if older:
            read.answer = older[-1]
            return True
    return False


def _thin_air(made, _):
    for read in made.reads():
        read.answer = read.answer[0], value_of({"A": "air", "B": "air", "C": "air"})
        return True
    return False


def _torn_write(made, states):
    """A value between two that were there."""
    for read in made.reads():
        before = [dict(state[1][-1][2]) for _, state in states if state[1] and state[1][-1][0] == read.answer[0] - 1 and
                  state[1][-1][1] == READABLE]
        torn = value_of({**dict(read.answer[1]), "A": before[0]["A"]}) if before else read.answer[1]
        if torn != read.answer[1]:
            read.answer = read.answer[0], torn
            return True
    return False


def _uncommitted_read(made, states):
    """A read sees a write that the cut undoes."""
    state = states[-1][1]
    for write in made.operations:
        if write.kind != "put" or write.answer is not None or made.moments[write] <= made.cut or write.argument[1] is not None:
            continue
        for read in made.reads():
            if read.returned > write.called:
                read.answer = MODEL["put"](state, write.argument)[1], write.argument[0]
                return True
    return False


LIES = {"stale read": _stale_read, "value out of thin air": _thin_air, "torn write": _torn_write, "uncommitted read": _uncommitted_read}
BUGS = ("lost write", "write twice", *LIES)

"""Reads profiles without any code of heaptrace's: what a profile says, and what comes out of it."""

import gzip
from pathlib import Path

INDEXES = ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space", "peak_objects", "peak_space"]
ROOTS = {"_start", "main", "start_thread", "clone", "clone3", "__clone", "__clone3", "_dl_start_user"}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    """The fields of a protobuf message: (number, value)."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
        else:
            raise ValueError(f"wire type {key & 7}")
        yield key >> 3, value


def numbers(value):
    """A repeated number, packed or not."""
    if isinstance(value, int):
        return [value]
    at, all_of_them = 0, []
    while at < len(value):
        number, at = varint(value, at)
        all_of_them.append(number - (1 << 64) if number >> 63 else number)
    return all_of_them


def all_of(message, number):
    return [value for key, value in fields(message) if key == number]


def first_of(message, number):
    return next(iter(all_of(message, number)), 0)


def is_root(names):
    """Does a stack end where a program or a thread starts? That is in the C library, which has no names for it if it
    is stripped: glibc's two functions of a thread, and the one of musl, behind which it has no unwind information."""
    are_unnamed = all(name.startswith("libc.so.6+") for name in names[-2:])
    return names[-1] in ROOTS or are_unnamed or names[-1].startswith("ld-musl-") or any(name.startswith("__libc_start") for name in names[-2:])


class Profile:
    """A profile: `samples` are (names of the stack, innermost first; values)."""

    def __init__(self, path):
        message = gzip.decompress(Path(path).read_bytes())
        text = [value.decode(errors="replace") for value in all_of(message, 6)]
        function = {first_of(it, 1): text[first_of(it, 2)] for it in all_of(message, 5)}
        place = {}
        for location in all_of(message, 4):
            lines = [function[first_of(line, 1)] for line in all_of(location, 4)]
            place[first_of(location, 1)] = lines or [hex(first_of(location, 3))]
        self.samples = []
        for sample in all_of(message, 2):
            locations = [number for value in all_of(sample, 1) for number in numbers(value)]
            values = [number for value in all_of(sample, 2) for number in numbers(value)]
            self.samples.append(([name for location in locations for name in place[location]], values))
        comments = [text[number] for value in all_of(message, 13) for number in numbers(value)]
        self.comments = dict(comment.split(": ", 1) for comment in comments if ": " in comment)

    def under(self, function, index):
        """What was allocated in calls of a function."""
        at = INDEXES.index(index)
        return sum(values[at] for names, values in self.samples if function in names)

    def count(self, name):
        return int(self.comments[name])

    def rooted(self):
        """The objects whose stacks go back to where a program or a thread starts, and all."""
        return sum(values[0] for names, values in self.samples if is_root(names)), sum(values[0] for _, values in self.samples)

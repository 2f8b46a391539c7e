"""Runs tests of a Python project one by one: traced, or with one edit after the other.

Usage: run.py trace|edits|sieve, in the root of the project. The job is job.json beside this file; the answer goes to
$JITOS_OUT/answer. Each test runs in a process forked from this one, which has imported the test runner already and
nothing of the project.
"""

import importlib
import json
import os
import signal
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.getcwd()


def main():
    sys.path[0] = ROOT  # as with python -m
    sys.dont_write_bytecode = True
    with open(os.path.join(HERE, "job.json"), encoding="utf-8") as f:
        job = json.load(f)
    what = sys.argv[1]
    if what == "edits":
        sys.path.insert(0, HERE)
        import edits
        answer = edits.generate(job)
    else:
        runner = Pytest() if job["report"] == "pytest" else Unittest()
        preload(job.get("preload", []))
        answer = {"trace": trace, "sieve": sieve}[what](runner, job)
    tell(answer)


def tell(answer):
    name = os.path.join(os.environ["JITOS_OUT"], "answer")
    with open(name + "~", "w", encoding="utf-8") as f:
        json.dump(answer, f, separators=(",", ":"))
    os.replace(name + "~", name)


def own(path):
    """The path in the project of a file of its own, None for any other and for tests."""
    if not path.startswith(ROOT + os.sep):
        return None
    path = path[len(ROOT) + 1:]
    parts = path.split(os.sep)
    if any(p.startswith((".", "_jitos")) or p in ("venv", "site-packages", "tests", "test") for p in parts[:-1]):
        return None
    name = parts[-1]
    if name.startswith("test_") or name.endswith("_test.py") or name in ("conftest.py", "test.py", "tests.py"):
        return None
    return path


def preload(names):
    """Imports what tests need and the project does not have."""
    for name in names:
        if not in_project(name):
            try:
                importlib.import_module(name)
            except BaseException:
                pass


def in_project(name):
    top = name.partition(".")[0]
    return any(os.path.exists(os.path.join(d, top + end)) for d in [ROOT, *dirs()] for end in (".py", "/__init__.py"))


def dirs():
    return [d for d in (os.path.join(ROOT, n) for n in ("src", "tests", "test")) if os.path.isdir(d)]


class Unittest:
    """Tests by the names that unittest tells: module.Class.test."""

    def run(self, name):
        for module in [m for m in sys.modules if in_project(m)]:
            del sys.modules[module]  # one of the library that the project has a version of
        first = name.partition(".")[0]
        for d in dirs():
            if os.path.exists(os.path.join(d, first + ".py")) and not os.path.exists(os.path.join(ROOT, first + ".py")):
                sys.path.insert(0, d)
        suite = unittest.defaultTestLoader.loadTestsFromName(name)
        result = unittest.TestResult()
        suite.run(result)
        return result.testsRun > 0 and result.wasSuccessful()


class Pytest:
    """Tests by their node ids: path::Class::test[param]."""

    def __init__(self):
        import pytest
        self.pytest = pytest

    def run(self, name):
        return self.pytest.main(["-q", "-x", "-p", "no:cacheprovider", name]) == 0


def child(work, seconds, cpu):
    """What work returns in a forked process, None where that fails, or takes longer, or more seconds of processor time."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(out)
            os.setpgid(0, 0)
            limit()
            signal.alarm(seconds)
            signal.setitimer(signal.ITIMER_PROF, cpu)  # a loop without end is the commonest outcome of an edit
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            answer = json.dumps(work()).encode()
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
            while answer:
                answer = answer[os.write(into, answer):]
        finally:
            os._exit(0)
    os.close(into)
    data = b""
    while True:
        part = os.read(out, 1 << 16)
        if not part:
            break
        data += part
    os.close(out)
    os.waitpid(pid, 0)
    try:
        os.killpg(pid, signal.SIGKILL)  # what it left running
    except OSError:
        pass
    try:
        return json.loads(data)
    except ValueError:
        return None


def limit():
    try:
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    except (ImportError, ValueError, OSError):
        pass


def trace(runner, job):
    """Which lines each test runs: counts of failing and of passing tests, by file and line."""
    end = time.time() + job["seconds"]
    lines, failing, passing, modules = {}, [], 0, set()
    slowest = usual = 0.0
    for fails, name in [(True, n) for n in job["failing"]] + [(False, n) for n in job["passing"]]:
        if time.time() > end and failing:
            break
        got = traced(runner, name)
        if got is None or got["passed"] == fails:
            continue
        if fails:
            failing.append(name)
            plain = child(lambda: [runner.run(name), time.process_time()][1], 20, 20)
            slowest = max(slowest, plain or 20)
        else:
            passing += 1
            usual = max(usual, got["cpu"])
        modules.update(got["modules"])
        for path, numbers in got["lines"].items():
            for n in numbers:
                counts = lines.setdefault(path, {}).setdefault(n, [0, 0])
                counts[0 if fails else 1] += 1
    hot = {path: {n: c for n, c in found.items() if c[0]} for path, found in lines.items()}
    return {"failing": failing, "passing": passing, "lines": {p: f for p, f in hot.items() if f}, "slowest": min(slowest, max(.5, 2 * usual)),  # one that fails may be in a loop without end
            "modules": sorted(modules)}


def traced(runner, name):
    # A test that is killed by its time limit tells its lines as well: so they go through a file.
    seen = {}
    path_of = {}

    def calls(frame, event, arg):
        file = frame.f_code.co_filename
        if file not in path_of:
            path_of[file] = own(os.path.abspath(file))
        if path_of[file] is None:
            return None
        found = seen.setdefault(path_of[file], set())
        found.add(frame.f_lineno)

        def steps(frame, event, arg):
            if event == "line":
                found.add(frame.f_lineno)
            return steps
        return steps

    def work():
        before = set(sys.modules)

        def late(signum, frame):
            raise TimeoutError
        signal.signal(signal.SIGALRM, late)
        threading.settrace(calls)
        sys.settrace(calls)
        try:
            passed = bool(runner.run(name))
        except BaseException:
            passed = False
        finally:
            sys.settrace(None)
            threading.settrace(None)
        new = [m for m in set(sys.modules) - before if not in_project(m)]
        return {"passed": passed, "cpu": time.process_time(), "lines": {p: sorted(s) for p, s in seen.items()}, "modules": new}
    return child(work, 20, 20)


def sieve(runner, job):
    """With which edits all the failing tests pass. The file is really written: a test may start the program anew."""
    passed, tried = [], 0
    for number, path, start, end, text in job["edits"]:
        if time.time() > job["until"]:
            break
        with open(path, "rb") as f:
            was = f.read()
        now = was[:start] + text.encode() + was[end:]
        tried += 1
        tell({"passed": passed, "tried": tried})  # in case that it is ended
        try:
            compile(now, path, "exec")
        except (SyntaxError, ValueError):
            continue
        write(path, now)
        try:
            if all(child(lambda name=name: bool(runner.run(name)), int(5 + 10 * job["timeout"]), job["timeout"]) for name in job["failing"]):
                passed.append(number)
        finally:
            write(path, was)
    return {"passed": passed, "tried": tried}


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


if __name__ == "__main__":
    main()

"""Small edits of Python source at suspicious lines, as texts in the place of spans of bytes.

The kinds and weights are those of the edits of Go; see goexpr.go. What a name stands for is not known here, so that more edits
are made that cannot work: a test run finds them out.
"""

import ast
import re

COMPARE = {
    ast.Lt: ("<", [("<=", 1), (">", .8), (">=", .8), ("!=", .5), ("==", .5)]),
    ast.LtE: ("<=", [("<", 1), (">=", .8), (">", .8), ("==", .5), ("!=", .5)]),
    ast.Gt: (">", [(">=", 1), ("<", .8), ("<=", .8), ("!=", .5), ("==", .5)]),
    ast.GtE: (">=", [(">", 1), ("<=", .8), ("<", .8), ("==", .5), ("!=", .5)]),
    ast.Eq: ("==", [("!=", 1), ("<=", .6), (">=", .6), ("<", .5), (">", .5), ("in", .3)]),
    ast.NotEq: ("!=", [("==", 1), ("<", .6), (">", .6), ("<=", .5), (">=", .5)]),
    ast.Is: ("is", [("is not", 1), ("==", .4)]),
    ast.IsNot: ("is not", [("is", 1), ("!=", .4)]),
    ast.In: ("in", [("not in", 1), ("==", .3)]),
    ast.NotIn: ("not in", [("in", 1)]),
}
BINARY = {
    ast.Add: ("+", [("-", .9), ("*", .5), ("//", .3), ("%", .4)]),
    ast.Sub: ("-", [("+", .9), ("*", .5), ("//", .3), ("%", .4)]),
    ast.Mult: ("*", [("/", .7), ("//", .7), ("+", .6), ("-", .5), ("**", .5), ("%", .4)]),
    ast.Div: ("/", [("//", .9), ("*", .8), ("%", .5), ("-", .4)]),
    ast.FloorDiv: ("//", [("/", .9), ("*", .7), ("%", .7), ("-", .4)]),
    ast.Mod: ("%", [("//", .8), ("/", .6), ("*", .5), ("+", .4), ("-", .4)]),
    ast.Pow: ("**", [("*", .8), ("/", .4)]),
    ast.BitAnd: ("&", [("|", .8), ("^", .6)]),
    ast.BitOr: ("|", [("&", .8), ("^", .6)]),
    ast.BitXor: ("^", [("|", .7), ("&", .7)]),
    ast.LShift: ("<<", [(">>", .8)]),
    ast.RShift: (">>", [("<<", .8)]),
}
AUGMENTED = {
    ast.Add: [("-=", .9), ("=", .6), ("*=", .4)], ast.Sub: [("+=", .9), ("=", .6)], ast.Mult: [("/=", .7), ("//=", .7), ("+=", .6), ("=", .5)],
    ast.Div: [("*=", .8), ("//=", .8), ("=", .4)], ast.FloorDiv: [("*=", .7), ("/=", .8), ("%=", .6)], ast.Mod: [("//=", .6), ("=", .4)],
    ast.BitAnd: [("|=", .8), ("=", .5)], ast.BitOr: [("&=", .8), ("^=", .6), ("=", .6)], ast.BitXor: [("|=", .7), ("&=", .6)],
    ast.LShift: [(">>=", .8)], ast.RShift: [("<<=", .8)],
}
# Functions and methods that are taken for each other.
KIN = [
    "min max", "any all", "strip lstrip rstrip", "find rfind", "index rindex", "split rsplit", "partition rpartition",
    "startswith endswith", "upper lower", "append extend", "append appendleft insert", "pop popleft", "keys values items", "add discard remove",
    "update setdefault", "union intersection difference", "ljust rjust", "floor ceil", "isdigit isalpha isalnum isspace", "sorted reversed list",
    "match search fullmatch", "bisect_left bisect_right", "int float str", "dict list set tuple", "get pop", "len sum", "sum max",
]
MOST = 8          # names, literals and statements that are tried at one place
MOST_EDITS = 3000
MOST_BYTES = 240_000


def generate(job):
    """The best edits of the files of job["lines"], which gives the suspicion of lines: [path, start, end, text, kind, line, place, score]."""
    found = []
    for path in sorted(job["lines"]):
        with open(path, "rb") as f:
            src = f.read()
        try:
            found += Edits(path, src, {int(n): s for n, s in job["lines"][path].items()}).all()
        except (SyntaxError, ValueError, RecursionError):
            continue
    found.sort(key=lambda e: (-e[7], e[0], e[1], e[2], e[3]))
    kept, seen, size = [], set(), 0
    for e in found:
        key = tuple(e[:4])
        size += len(e[0]) + len(e[3]) + len(e[6]) + 60
        if key not in seen and len(kept) < MOST_EDITS and size < MOST_BYTES:
            seen.add(key)
            kept.append(e)
    return {"edits": kept}


class Edits(ast.NodeVisitor):
    def __init__(self, path, src, heat):
        self.path, self.src, self.heat = path, src, heat
        self.starts = [0]
        for line in src.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.tree = ast.parse(src, path)
        self.stack, self.found = [], []
        self.functions = []  # around the current node
        self.at = [0.0]

    def all(self):
        self.visit(self.tree)
        return self.found

    # ---- Places and texts ----

    def start(self, n):
        return self.starts[n.lineno - 1] + n.col_offset

    def end(self, n):
        return self.starts[n.end_lineno - 1] + n.end_col_offset

    def text(self, n):
        return self.src[self.start(n):self.end(n)].decode()

    def between(self, a, b):
        return self.src[self.end(a):self.start(b)].decode()

    def grouped(self, n):
        text = self.text(n)
        return "(" + text + ")" if isinstance(n, (ast.BoolOp, ast.Compare, ast.IfExp, ast.Lambda, ast.BinOp)) else text

    def add(self, start, end, text, kind, weight, place=None):
        score = self.at[-1] * weight
        if score > 0 and self.src[start:end].decode() != text:
            line = self.src.count(b"\n", 0, start) + 1
            self.found.append([self.path, start, end, text, kind, line, self.functions[-1].name if self.functions else "", round(score, 4)])

    def instead(self, n, text, kind, weight):
        self.add(self.start(n), self.end(n), text, kind, weight)

    # ---- The walk ----

    def visit(self, n):
        heat = self.at[-1]
        if isinstance(n, ast.stmt) or isinstance(n, ast.excepthandler):
            heat = self.heat.get(n.lineno, 0.0)
        elif hasattr(n, "lineno"):
            heat = max(heat, self.heat.get(n.lineno, 0.0)) if heat else heat
        self.at.append(heat)
        self.stack.append(n)
        function = isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
        if function:
            self.functions.append(n)
            n.pool = Pool(self, n)
        if heat > 0:
            handler = getattr(self, "on_" + type(n).__name__, None)
            if handler:
                handler(n)
            if isinstance(n, ast.expr):
                self.on_expr(n)
        for field, value in ast.iter_fields(n):
            if field in ("annotation", "returns", "decorator_list", "type_comment"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.visit(child)
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self.block(value)
        if function:
            self.functions.pop()
        self.stack.pop()
        self.at.pop()

    def parent(self):
        return self.stack[-2] if len(self.stack) > 1 else None

    def pool(self):
        return self.functions[-1].pool if self.functions else Pool(self, None)

    # ---- Expressions ----

    def on_Compare(self, n):
        sides = [n.left, *n.comparators]
        for i, op in enumerate(n.ops):
            was, others = COMPARE[type(op)]
            gap = self.between(sides[i], sides[i + 1])
            pattern = r"\s+".join(map(re.escape, was.split()))
            for other, weight in others:
                now = re.sub(pattern, other, gap, count=1)
                self.add(self.end(sides[i]), self.start(sides[i + 1]), now, "relation", weight)

    def on_BinOp(self, n):
        was, others = BINARY.get(type(n.op), ("", []))
        gap = self.between(n.left, n.right)
        for other, weight in others:
            self.add(self.end(n.left), self.start(n.right), gap.replace(was, other, 1), "operator", weight)
        one = isinstance(n.right, ast.Constant) and n.right.value == 1
        self.instead(n, self.text(n.left), "operand dropped", .9 if one else .5)
        self.instead(n, self.text(n.right), "operand dropped", .4)
        if was:
            self.instead(n, self.grouped(n.right) + " " + was + " " + self.grouped(n.left), "operands swapped", .6 if was in "-/%//**" else .3)
        if was and isinstance(n.left, ast.BinOp) and type(n.left.op) in BINARY:
            inner = BINARY[type(n.left.op)][0]
            self.instead(n, self.grouped(n.left.left) + " " + inner + " (" + self.text(n.left.right) + " " + was + " " + self.text(n.right) + ")", "grouping", .4)
            if gap.lstrip().startswith(")"):
                self.instead(n, self.text(n.left) + " " + was + " " + self.text(n.right), "grouping", .5)

    def on_BoolOp(self, n):
        was, now = ("and", "or") if isinstance(n.op, ast.And) else ("or", "and")
        for a, b in zip(n.values, n.values[1:]):
            self.add(self.end(a), self.start(b), re.sub(r"\b" + was + r"\b", now, self.between(a, b), count=1), "condition", .9)
        for i in range(len(n.values)):
            rest = [self.grouped(v) if isinstance(v, (ast.BoolOp, ast.IfExp, ast.Lambda)) else self.text(v) for j, v in enumerate(n.values) if j != i]
            self.instead(n, (" " + was + " ").join(rest), "condition dropped", .7)
            v = n.values[i]
            self.negate(v, .7)

    def on_UnaryOp(self, n):
        self.instead(n, self.text(n.operand), "negation", .8)

    def negate(self, n, weight):
        if isinstance(n, ast.UnaryOp) and isinstance(n.op, ast.Not) or isinstance(n, ast.Compare) and len(n.ops) == 1:
            return  # tried where they are looked at
        text = self.text(n)
        self.instead(n, "not " + (text if isinstance(n, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)) else "(" + text + ")"), "negation", weight)

    def decides(self, n):
        """Edits of a whole condition."""
        self.negate(n, .8)
        self.instead(n, "True", "condition", .4)
        self.instead(n, "False", "condition", .4)
        text = self.text(n)
        extra = self.checks(n)
        for c in self.pool().conditions:
            if c not in extra and c not in text and len(extra) < 2 * MOST:
                extra.append(c)
        for c in extra:
            self.instead(n, "(" + text + ") and " + c if isinstance(n, (ast.BoolOp, ast.IfExp)) else text + " and " + c, "condition added", .35)
            self.instead(n, text + " or " + c, "condition added", .35)

    def checks(self, n):
        names = []
        for x in ast.walk(n):
            if isinstance(x, (ast.Name, ast.Attribute)) and isinstance(x.ctx, ast.Load):
                p = self.text(x)
                if len(p) < 30 and p not in names and p != "self":
                    names.append(p)
        forms = ["{}", "not {}", "{} is not None", "{} is None", "{} > 0", "{} == 0", "{} < 0"]
        return [f.format(name) for f in forms for name in names[:3]][:2 * MOST]

    def on_If(self, n):
        self.decides(n.test)
        if n.orelse and not (len(n.orelse) == 1 and isinstance(n.orelse[0], ast.If)):
            end = self.end(n.body[-1])
            self.add(end, self.end(n), "", "else dropped", .3)

    def on_While(self, n):
        self.decides(n.test)

    def on_IfExp(self, n):
        self.decides(n.test)
        self.instead(n, self.text(n.orelse) + " if " + self.text(n.test) + " else " + self.text(n.body), "operands swapped", .6)
        self.instead(n, self.text(n.body), "operand dropped", .4)
        self.instead(n, self.text(n.orelse), "operand dropped", .4)

    def on_comprehension(self, n):
        for c in n.ifs:
            self.decides(c)

    def on_Constant(self, n):
        v = n.value
        if isinstance(self.parent(), (ast.JoinedStr, ast.FormattedValue)):
            return
        if isinstance(v, bool):
            self.instead(n, str(not v), "constant", .8)
        elif v is None:
            for other in ("True", "False", "0", "''", "[]"):
                self.instead(n, other, "constant", .3)
        elif isinstance(v, int):
            for near in (v + 1, v - 1):
                self.instead(n, str(near), "constant", .7)
            for usual in (0, 1, 2, -1, -v, v * 2, v // 2, v * 10, v // 10):
                self.instead(n, str(usual), "constant", .4)
        elif isinstance(v, float):
            for usual in ("0", "1", "0.5", "-" + self.text(n)):
                self.instead(n, usual, "constant", .4)
        elif isinstance(v, str) and not isinstance(self.parent(), ast.Expr):
            self.instead(n, "''", "constant", .3)
        else:
            return
        if isinstance(self.parent(), ast.Expr):
            return
        for other in [t for kind, t in self.pool().literals if kind is type(v)][:MOST]:
            self.instead(n, other, "constant", .45)

    def on_Name(self, n):
        if isinstance(self.parent(), ast.Call) and self.parent().func is n:
            self.kin(n, n.id, "")
            return
        if isinstance(n.ctx, ast.Load):
            near = [v for v in self.pool().names if v != n.id]
            for other in near[:MOST]:
                self.instead(n, other, "variable", .6)
            for other in self.pool().attributes[:MOST]:
                self.instead(n, other, "variable", .3)

    def on_Attribute(self, n):
        if not isinstance(n.ctx, ast.Load):
            return
        x = self.text(n.value) + "."
        called = isinstance(self.parent(), ast.Call) and self.parent().func is n
        if called:
            self.kin(n, n.attr, x)
        for other in self.pool().attributes:
            if other.startswith(x) and other != x + n.attr:
                self.instead(n, other, "field", .4 if called else .6)
        if not called:
            for other in self.pool().names[:MOST]:
                self.instead(n, other, "variable", .3)

    def kin(self, n, name, prefix):
        for group in KIN:
            if name in group.split():
                for other in group.split():
                    if other != name:
                        self.instead(n, prefix + other, "function", .6)

    def on_Call(self, n):
        args = n.args
        starred = any(isinstance(a, ast.Starred) for a in args)
        for i in range(len(args)):
            for j in range(i + 1, len(args)):
                a, b = args[i], args[j]
                if not starred and j <= i + 2:
                    text = self.text(b) + self.src[self.end(a):self.start(b)].decode() + self.text(a)
                    self.add(self.start(a), self.end(b), text, "arguments swapped", .8)
            if not starred:
                self.instead(n, self.text(args[i]), "call dropped", .4)
        if isinstance(n.func, ast.Attribute):
            self.instead(n, self.text(n.func.value), "call dropped", .4)
        if len(args) > 1:
            self.add(self.end(args[-2]), self.end(args[-1]), "", "argument dropped", .3)

    def on_Subscript(self, n):
        s = n.slice
        if not isinstance(s, ast.Slice):
            return
        x = self.text(n.value)
        low = self.text(s.lower) if s.lower else ""
        high = self.text(s.upper) if s.upper else ""
        if s.step:
            return
        for weight, text in [(.5, "[:" + high + "]"), (.6, "[:" + low + "]"), (.5, "[" + low + ":]"), (.6, "[" + high + ":]"),
                             (.4, "[1:" + high + "]" if not low else ""), (.4, "[" + low + ":-1]" if not high else "")]:
            if text and text != "[:]":
                self.instead(n, x + text, "bound", weight)

    def on_expr(self, n):
        p = self.parent()
        weight = 0
        if isinstance(p, ast.Subscript) and p.slice is n and not isinstance(n, (ast.Slice, ast.Tuple)):
            weight = .8
        elif isinstance(p, ast.Slice):
            weight = .8
        elif isinstance(p, ast.Compare) and any(isinstance(op, (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)) for op in p.ops):
            weight = .6
        elif isinstance(p, ast.Call) and n is not p.func and isinstance(p.func, ast.Name) and p.func.id in ("range", "int", "len", "min", "max"):
            weight = .7
        elif isinstance(p, (ast.Return, ast.Assign, ast.AugAssign, ast.BinOp)) or isinstance(p, ast.Call) and n is not p.func:
            weight = .35
        counts = isinstance(n, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)) and isinstance(getattr(n, "ctx", ast.Load()), ast.Load)
        counts = counts or isinstance(n, ast.BinOp) and not (isinstance(n.right, ast.Constant) and n.right.value == 1)
        if weight and counts:
            self.instead(n, self.text(n) + " + 1", "off by one", weight)
            self.instead(n, self.text(n) + " - 1", "off by one", weight)
            self.instead(n, "-" + self.grouped(n), "negation", weight / 2)
            if not isinstance(p, ast.Compare):
                for f in self.pool().wraps[:MOST]:
                    self.instead(n, f + "(" + self.text(n) + ")", "call added", .3)
                for m in self.pool().methods[:MOST // 2]:
                    self.instead(n, self.grouped(n) + m, "call added", .25)

    # ---- Statements ----

    def on_AugAssign(self, n):
        for other, weight in AUGMENTED.get(type(n.op), []):
            gap = self.between(n.target, n.value)
            self.add(self.end(n.target), self.start(n.value), re.sub(r"\S+=", other, gap, count=1), "operator", weight)

    def on_Assign(self, n):
        target = n.targets[0]
        if len(n.targets) == 1 and isinstance(target, (ast.Name, ast.Attribute)):
            for other, weight in (("+=", .5), ("-=", .4)):
                gap = self.between(target, n.value)
                self.add(self.end(target), self.start(n.value), gap.replace("=", other, 1), "operator", weight)
            for other in self.pool().stored[:MOST]:
                if other != self.text(target):
                    self.instead(target, other, "variable", .5)

    def on_Break(self, n):
        self.instead(n, "continue", "jump", .6)
        self.instead(n, "return", "jump", .3)

    def on_Continue(self, n):
        self.instead(n, "break", "jump", .6)

    def on_Return(self, n):
        if n.value is None:
            return
        self.negate(n.value, .5)
        others = ["None", "True", "False", *self.pool().names[:MOST], *self.pool().returned[:MOST]]
        for other in others:
            self.instead(n.value, other, "return", .4)

    def block(self, body):
        """Edits of a list of statements: drop, swap, copy, guard."""
        docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str)
        for i, s in enumerate(body):
            heat = self.heat.get(s.lineno, 0.0)
            if heat == 0 or i == 0 and docstring:
                continue
            self.at.append(heat)
            self.statement(body, i, s)
            self.at.pop()

    def statement(self, body, i, s):
        line = self.starts[s.lineno - 1]
        indent = self.src[line:self.start(s)].decode()
        if indent.strip():
            return  # it stands behind a colon or a semicolon
        if isinstance(s, (ast.Expr, ast.Assign, ast.AugAssign, ast.If, ast.For, ast.While, ast.Delete, ast.Raise, ast.Assert, ast.Return, ast.Break, ast.Continue)):
            self.instead(s, "pass" if len(body) == 1 else "", "statement dropped", .3 if isinstance(s, ast.Return) else .5)
        if isinstance(s, ast.If) and not s.orelse:
            first, last = s.body[0], s.body[-1]
            inner = self.src[self.starts[first.lineno - 1]:self.start(first)].decode()
            text = self.src[self.start(first):self.end(last)].decode().replace("\n" + inner, "\n" + indent)
            self.instead(s, text, "condition dropped", .3)
        if i + 1 < len(body) and not isinstance(s, (ast.Return, ast.Break, ast.Continue, ast.Raise)):
            t = body[i + 1]
            if not isinstance(t, (ast.FunctionDef, ast.ClassDef)) and self.end(t) - self.start(s) < 2000:
                self.add(self.start(s), self.end(t), self.text(t) + self.between(s, t) + self.text(s), "statements swapped", .4)
        if not self.functions:
            return
        pool = self.pool()
        for text in [t for t in pool.statements if t != self.text(s)][:2 * MOST]:
            self.add(self.start(s), self.start(s), text + "\n" + indent, "statement copied", .3)
            if i == len(body) - 1 and not isinstance(s, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
                self.add(self.end(s), self.end(s), "\n" + indent + text, "statement copied", .3)
        loop = any(isinstance(x, (ast.For, ast.While)) for x in self.stack)
        ways = ["return " + r for r in pool.returned[:3]] + ["return None"] + (["continue", "break"] if loop else []) + pool.raises[:2]
        for c in self.checks(s if not hasattr(s, "body") else getattr(s, "test", getattr(s, "iter", s)))[:MOST] + pool.conditions[:MOST]:
            for way in ways:
                self.add(self.start(s), self.start(s), "if " + c + ":\n" + indent + "    " + way + "\n" + indent, "check added", .2)


class Pool:
    """What a function is made of, each once, in order."""

    def __init__(self, edits, fn):
        self.conditions, self.literals, self.names, self.attributes, self.stored = [], [], [], [], []
        self.statements, self.returned, self.wraps, self.methods, self.raises = [], [], [], [], []
        if fn is None:
            return
        args = fn.args
        self.names = [a.arg for a in [*args.posonlyargs, *args.args, *args.kwonlyargs, *filter(None, [args.vararg, args.kwarg])]]

        def once(into, value):
            if value not in into and (not isinstance(value, str) or len(value) <= 100 and "\n" not in value):
                into.append(value)
        calls = {id(n.func) for n in ast.walk(fn) if isinstance(n, ast.Call)}
        for n in ast.walk(fn):
            if isinstance(n, (ast.If, ast.While, ast.IfExp)):
                once(self.conditions, edits.grouped(n.test))
                if isinstance(n.test, ast.BoolOp):
                    for v in n.test.values:
                        once(self.conditions, edits.grouped(v))
            elif isinstance(n, ast.Constant) and type(n.value) in (int, float, str):
                once(self.literals, (type(n.value), edits.text(n)))
            elif isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                once(self.names, n.id)
                once(self.stored, n.id)
            elif isinstance(n, ast.Attribute):
                if id(n) not in calls:
                    once(self.attributes, edits.text(n))
                if isinstance(n.ctx, ast.Store):
                    once(self.stored, edits.text(n))
            elif isinstance(n, ast.Call):
                if len(n.args) == 1 and not n.keywords:
                    once(self.wraps, edits.text(n.func))
                if not n.args and not n.keywords and isinstance(n.func, ast.Attribute):
                    once(self.methods, "." + n.func.attr + "()")
            elif isinstance(n, ast.Return) and n.value is not None:
                once(self.returned, edits.text(n.value))
            elif isinstance(n, ast.Raise):
                once(self.raises, edits.text(n))
            if isinstance(n, (ast.Assign, ast.AugAssign)) or isinstance(n, ast.Expr) and isinstance(n.value, ast.Call):
                once(self.statements, edits.text(n))
        self.attributes.sort(key=lambda a: not a.startswith("self."))
        if "self" in self.names:
            self.names.remove("self")

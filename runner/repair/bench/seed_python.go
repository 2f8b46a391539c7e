package main

import (
	"math/rand"
	"regexp"
	"strconv"
	"strings"
)

// python is how bugs are made in a project of Python.
var python = language{
	name:   "python",
	suffix: ".py",
	tests:  regexp.MustCompile(`(^|/)(test_[^/]*|[^/]*_test|conftest|setup)\.py$|(^|/)tests?/`),
	test:   []string{"python3", "-m", "unittest", "discover"},
	failed: regexp.MustCompile(`(?m)^(?:FAIL|ERROR): (\S+)`),
	decl:   regexp.MustCompile(`(?m)^( +def )(test)`),
	hidden: "${1}hidden_$2",
	slip:   slipPython,
	tidy:   func(src string) string { return strings.Join(strings.Fields(src), " ") },
}

// pythonSlips are slips of one line, as patterns and what a match of them becomes; "" is dropped with its line.
var pythonSlips = []struct {
	kind    string
	pattern *regexp.Regexp
	text    func(m []string, names []string, r *rand.Rand) string
}{
	{"relation", regexp.MustCompile(` (<=|>=|<|>) `), func(m, _ []string, r *rand.Rand) string { return " " + oneOf("<", ">", "<=", ">=")(r) + " " }},
	{"equality", regexp.MustCompile(` (==|!=) `), func(m, _ []string, r *rand.Rand) string { return " " + oneOf("==", "!=")(r) + " " }},
	{"membership", regexp.MustCompile(` (is not|is|not in|in) `), func(m, _ []string, r *rand.Rand) string {
		return " " + map[string]string{"is": "is not", "is not": "is", "in": "not in", "not in": "in"}[m[1]] + " "
	}},
	{"arithmetic", regexp.MustCompile(` ([-+*/]|//|%) `), func(m, _ []string, r *rand.Rand) string { return " " + oneOf("+", "-", "*", "//")(r) + " " }},
	{"connective", regexp.MustCompile(` (and|or) `), func(m, _ []string, r *rand.Rand) string { return " " + oneOf("and", "or")(r) + " " }},
	{"negation lost", regexp.MustCompile(`\bnot `), func(m, _ []string, r *rand.Rand) string { return " " }},
	{"constant", regexp.MustCompile(`\b(\d+)\b`), func(m, _ []string, r *rand.Rand) string {
		n, _ := strconv.Atoi(m[1])
		return oneOf(strconv.Itoa(n+1), strconv.Itoa(n-1), "0")(r)
	}},
	{"boolean", regexp.MustCompile(`\b(True|False)\b`), func(m, _ []string, r *rand.Rand) string { return oneOf("True", "False")(r) }},
	{"step", regexp.MustCompile(` (\+=|-=) `), func(m, _ []string, r *rand.Rand) string { return " " + oneOf("+=", "-=", "=")(r) + " " }},
	{"statement lost", regexp.MustCompile(`^ +(self\.)?[a-z_.]+( [-+]?= .*[^(\[{,\\]|\(.*\))$`), func(m, _ []string, r *rand.Rand) string { return "" }},
	{"condition negated", regexp.MustCompile(`^( +)(if|while|elif) (.*):$`), func(m, _ []string, r *rand.Rand) string { return m[1] + m[2] + " not (" + m[3] + "):" }},
	{"result lost", regexp.MustCompile(`^( +)return (.+[^(\[{,])$`), func(m, _ []string, r *rand.Rand) string { return m[1] + "return None" }},
	{"arguments swapped", regexp.MustCompile(`\(([\w.]+), ([\w.]+)\)`), func(m, _ []string, r *rand.Rand) string { return "(" + m[2] + ", " + m[1] + ")" }},
	{"bound off by one", regexp.MustCompile(`\[([\w.]+):`), func(m, _ []string, r *rand.Rand) string { return "[" + m[1] + oneOf(" + 1", " - 1")(r) + ":" }},
	{"index off by one", regexp.MustCompile(`\[([a-z_]+)\]`), func(m, _ []string, r *rand.Rand) string { return "[" + m[1] + oneOf(" + 1", " - 1")(r) + "]" }},
	{"jump", regexp.MustCompile(`\b(break|continue)$`), func(m, _ []string, r *rand.Rand) string { return oneOf("break", "continue")(r) }},
	{"wrong name", regexp.MustCompile(`\b[a-z_]{2,}\b`), func(m, names []string, r *rand.Rand) string { return names[r.Intn(len(names))] }},
}

// slipPython makes a classic slip in a line of a file, by its text alone.
func slipPython(src string, only *regexp.Regexp, random *rand.Rand) (slipped, bool) {
	lines := strings.Split(src, "\n")
	kind := pythonSlips[random.Intn(len(pythonSlips))]
	if only != nil && !only.MatchString(kind.kind) {
		return slipped{}, false
	}
	for range 100 { // a line that the slip fits
		i := random.Intn(len(lines))
		line := lines[i]
		if !strings.HasPrefix(line, "    ") || strings.ContainsAny(line, "#'\"") {
			continue
		}
		found := kind.pattern.FindAllStringSubmatchIndex(line, -1)
		if len(found) == 0 {
			continue
		}
		at := found[random.Intn(len(found))]
		var m []string
		for g := 0; g+1 < len(at); g += 2 {
			if at[g] < 0 {
				m = append(m, "")
				continue
			}
			m = append(m, line[at[g]:at[g+1]])
		}
		names := regexp.MustCompile(`\b[a-z_]{2,}\b`).FindAllString(strings.Join(lines[max(0, i-10):min(len(lines), i+10)], " "), -1)
		now := line[:at[0]] + kind.text(m, names, random) + line[at[1]:]
		if now == line {
			continue
		}
		rest := lines[i+1:]
		changed := append(append([]string{}, lines[:i]...), now)
		if now == "" {
			changed = changed[:i]
		}
		return slipped{strings.Join(append(changed, rest...), "\n"), kind.kind, strconv.Itoa(i+1) + ": " + strings.TrimSpace(line) + " => " + strings.TrimSpace(now)}, true
	}
	return slipped{}, false
}

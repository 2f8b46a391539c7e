package methods

import "strings"

// command is one simple command of a shell text: its words as written, quotes kept, and the files that its output goes to.
type command struct{ words, into []string }

// before are words that a command may stand behind.
var before = map[string]bool{"if": true, "then": true, "else": true, "elif": true, "do": true, "while": true, "until": true, "!": true, "{": true,
	"exec": true, "env": true, "time": true, "nohup": true, "sudo": true, "xargs": true, "command": true}

// commandsOf finds the simple commands of a shell text. It is a reader of words, not of the language: it knows quotes,
// comments, here-documents and what separates commands, and takes a word at the place of a command for one.
func commandsOf(text string) []command {
	var list []command
	var now command
	end := func() {
		for len(now.words) > 0 && (before[now.words[0]] || isAssignment(now.words[0])) {
			now.words = now.words[1:]
		}
		if len(now.words) > 0 {
			list = append(list, now)
		}
		now = command{}
	}
	into := false
	var here string // the word that ends a here-document
	for line := range strings.Lines(text) {
		if here != "" {
			if strings.TrimSpace(line) == here {
				here = ""
			}
			continue
		}
		for _, w := range shellWords(line) {
			switch {
			case strings.HasPrefix(w, "<<"):
				here = strings.Trim(strings.TrimLeft(w, "<-"), `'"`)
			case w == ";" || w == "&" || w == "|" || w == "(" || w == ")" || w == "\n":
				end()
			case strings.HasSuffix(w, ">"):
				into = true
			case into:
				now.into, into = append(now.into, w), false
			default:
				now.words = append(now.words, w)
			}
		}
	}
	end()
	return list
}

func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && variableName().MatchString(strings.ToLower(name))
}

// shellWords takes a line apart: words with their quotes, and operators as words of their own.
func shellWords(line string) []string {
	var words []string
	var w strings.Builder
	flush := func() {
		if w.Len() > 0 {
			words = append(words, w.String())
			w.Reset()
		}
	}
	var quote byte
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote != 0:
			w.WriteByte(c)
			if c == quote {
				quote = 0
			}
		case c == '\\' && i+1 < len(line):
			if line[i+1] == '\n' { // the command goes on
				return append(words, strings.TrimSpace(w.String()))
			}
			w.WriteString(line[i : i+2])
			i++
		case c == '\'' || c == '"':
			quote = c
			w.WriteByte(c)
		case c == '#' && w.Len() == 0:
			flush()
			return append(words, "\n")
		case c == ' ' || c == '\t' || c == '\r':
			flush()
		case strings.IndexByte(";&|()\n", c) >= 0:
			if c == '&' && strings.HasSuffix(w.String(), ">") { // 2>&1
				w.WriteByte(c)
				continue
			}
			flush()
			words = append(words, string(c))
		case c == '>':
			if s := w.String(); strings.Trim(s, "0123456789&") != "" {
				flush()
			}
			w.WriteByte(c)
			if i+1 < len(line) && line[i+1] != '>' && line[i+1] != '&' {
				flush()
			}
		default:
			w.WriteByte(c)
		}
	}
	flush()
	return words
}

package methods

import "strings"

// phrases finds words that fit two tasks equally well, where only the order of names decides, and words that are the name
// of another task. Each phrase is said with a sample word for each parameter, with and without its optional letters.
// Names are the files that are looked at: a clash with any other file's phrase is told there.
func (l *linter) phrases(names []string) {
	own := func(p Phrase) bool { return len(names) == 0 || contains(names, p.Pos.File) }
	for _, t := range l.lib.Tasks() {
		for i, p := range t.Says {
			for _, earlier := range t.Says[:i] {
				if p.same(earlier) {
					l.complain(p.Pos, CodeDuplicatePhrase, "remove one of them", "task %s says %q and %q, which is the same", t.Name, earlier.Text, p.Text)
					break
				}
			}
			other, q, why := l.rival(t, p)
			if other == nil {
				continue
			}
			at, code := p, CodeAmbiguousPhrase
			if !own(p) {
				at = q
			}
			if p.same(q) {
				code = CodeDuplicatePhrase
			}
			l.complain(at.Pos, code, "say one of them otherwise", "%q of task %s %s %q of task %s", p.Text, t.Name, why, q.Text, other.Name)
		}
	}
}

// rival finds a phrase of another task that takes what this one says.
func (l *linter) rival(t *Task, p Phrase) (*Task, Phrase, string) {
	for _, intent := range p.samples() {
		m, ok := l.lib.Understand(intent)
		if !ok {
			continue // a sample word has not the type of its parameter
		}
		list := intentWords(intent)
		mine, ok := p.match(intent, list, t.fits)
		if !ok {
			continue
		}
		for _, other := range l.lib.Tasks() {
			if other == t {
				continue
			}
			if m.Task == other && m.Phrase == other.Name {
				return other, Phrase{Text: other.Name, Pos: other.Pos}, "is taken for the name"
			}
			for _, q := range other.Says {
				theirs, ok := q.match(intent, list, other.fits)
				// A tie is told once, at the one that loses.
				if ok && theirs.exact == mine.exact && theirs.loose == mine.loose && m.Task != t {
					return other, q, "fits as well as"
				}
			}
		}
	}
	return nil, Phrase{}, ""
}

// samples are intents that the phrase is said in.
func (p Phrase) samples() []string {
	var list []string
	for _, long := range []bool{false, true} {
		var words []string
		for _, part := range p.parts {
			switch {
			case part.param != "" && part.quoted:
				words = append(words, `"sample"`)
			case part.param != "":
				words = append(words, "sample")
			case long:
				words = append(words, part.word+part.suffix)
			default:
				words = append(words, part.word)
			}
		}
		list = append(list, strings.Join(words, " "))
	}
	return list
}

// same tells whether two phrases are said with the same words, whatever their parameters are called.
func (p Phrase) same(q Phrase) bool {
	if len(p.parts) != len(q.parts) {
		return false
	}
	for i, a := range p.parts {
		b := q.parts[i]
		if a.word != b.word || a.suffix != b.suffix || (a.param == "") != (b.param == "") || a.quoted != b.quoted {
			return false
		}
	}
	return true
}

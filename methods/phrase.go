package methods

import (
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"sync"
	"unicode"

	"github.com/agnivade/levenshtein"
)

// Phrase is a way to say a task: "fix the failing test{s} in {pkg}". Letters in braces at the end of a word are optional;
// {param} stands for one or more words, "{param}" for something in quotes. Case, spaces, articles and a full stop at the
// end do not matter.
type Phrase struct {
	Text  string
	Pos   Pos
	parts []phrasePart
}

// phrasePart is a word, or a parameter.
type phrasePart struct {
	word, suffix string
	param        string
	quoted       bool
}

var (
	phraseParam = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^("?)\{([a-z][a-z0-9_]*)\}("?)$`) })
	phraseWord  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([^{}"]+)(?:\{([a-z]+)\})?$`) })
)

// articles carry no meaning in an intent.
var articles = map[string]bool{"the": true, "a": true, "an": true, "please": true}

// ParsePhrase reads a phrase.
func ParsePhrase(s string) (Phrase, error) {
	p := Phrase{Text: s}
	seen := map[string]bool{}
	words := 0
	for _, field := range strings.Fields(s) {
		if m := phraseParam().FindStringSubmatch(field); m != nil && m[1] == m[3] {
			if n := len(p.parts); n > 0 && p.parts[n-1].param != "" && !p.parts[n-1].quoted && m[1] == "" {
				return p, fmt.Errorf("{%s} and {%s} stand side by side: put a word between them", p.parts[n-1].param, m[2])
			}
			if seen[m[2]] {
				return p, fmt.Errorf("{%s} stands there twice", m[2])
			}
			seen[m[2]] = true
			p.parts = append(p.parts, phrasePart{param: m[2], quoted: m[1] != ""})
			continue
		}
		m := phraseWord().FindStringSubmatch(field)
		if m == nil {
			return p, fmt.Errorf("%q is neither a word nor a {parameter}", field)
		}
		if word := strings.ToLower(m[1]); !articles[word] {
			p.parts = append(p.parts, phrasePart{word: word, suffix: m[2]})
			words++
		}
	}
	if words == 0 {
		return p, errors.New("a phrase needs a word of its own")
	}
	return p, nil
}

// Params lists the parameters that the phrase captures.
func (p Phrase) Params() []string {
	var names []string
	for _, part := range p.parts {
		if part.param != "" {
			names = append(names, part.param)
		}
	}
	return names
}

// word is one word of an intent, or what stood in quotes.
type word struct {
	text     string // without the quotes
	lower    string
	from, to int // in the intent
	quoted   bool
}

var quotes = map[rune]rune{'"': '"', '\'': '\'', '`': '`', '“': '”', '‘': '’'}

// intentWords takes an intent apart. A quote counts only at the beginning of a word: "don't" has none.
func intentWords(s string) []word {
	var list []word
	runes := []rune(s)
	offset := make([]int, len(runes)+1)
	for i, r := range runes {
		offset[i+1] = offset[i] + len(string(r))
	}
	for i := 0; i < len(runes); {
		if unicode.IsSpace(runes[i]) {
			i++
			continue
		}
		start := i
		if end, ok := quotedEnd(runes, i); ok {
			list = append(list, word{text: string(runes[start+1 : end]), from: offset[start], to: offset[end+1], quoted: true})
			i = end + 1
			continue
		}
		for i < len(runes) && !unicode.IsSpace(runes[i]) {
			i++
		}
		text := string(runes[start:i])
		list = append(list, word{text: text, lower: strings.ToLower(text), from: offset[start], to: offset[i]})
	}
	return list
}

// quotedEnd finds the quote that closes the one at i, if what follows it is no longer part of the word.
func quotedEnd(runes []rune, i int) (int, bool) {
	closing, ok := quotes[runes[i]]
	if !ok {
		return 0, false
	}
	for j := i + 1; j < len(runes); j++ {
		if runes[j] == closing && (j+1 == len(runes) || unicode.IsSpace(runes[j+1]) || strings.ContainsRune(".,;:!?", runes[j+1])) {
			return j, true
		}
	}
	return 0, false
}

// bare is a word without the punctuation around it.
func bare(s string) string { return strings.Trim(s, ".,;:!?\"'`()") }

// sentence takes a single mark off the end of a capture, but leaves "./..." and "." alone.
func sentence(s string) string {
	if n := len(s); n > 1 && strings.IndexByte(".,;:!?", s[n-1]) >= 0 {
		before := rune(s[n-2])
		if unicode.IsLetter(before) || unicode.IsDigit(before) || strings.ContainsRune(`"'/)`+"`", before) {
			return s[:n-1]
		}
	}
	return s
}

// capture is what a phrase found in an intent, and how well.
type capture struct {
	args  map[string]string
	exact int // words of the phrase
	loose int // words that went into parameters
}

// match aligns the phrase with the intent. fits says whether a value has the type of the parameter; of the ways to align
// them the one whose parameters take the fewest words, from the left, is taken.
func (p Phrase) match(intent string, list []word, fits func(param, value string) bool) (capture, bool) {
	args := map[string]string{}
	loose := 0
	var align func(part, at int) bool
	align = func(part, at int) bool {
		if part == len(p.parts) {
			for at < len(list) && bare(list[at].lower) == "" && !list[at].quoted {
				at++
			}
			return at == len(list)
		}
		q := p.parts[part]
		if at < len(list) && q.param == "" && !list[at].quoted {
			w := bare(list[at].lower)
			if (w == q.word || q.suffix != "" && w == q.word+q.suffix) && align(part+1, at+1) {
				return true
			}
		}
		if at < len(list) && articles[list[at].lower] && !list[at].quoted && align(part, at+1) {
			return true
		}
		if q.param == "" {
			return false
		}
		for end := at + 1; end <= len(list); end++ {
			value, ok := captured(intent, list[at:end], q.quoted)
			if ok && fits(q.param, value) {
				args[q.param] = value
				loose += end - at
				if align(part+1, end) {
					return true
				}
				delete(args, q.param)
				loose -= end - at
			}
		}
		return false
	}
	if !align(0, 0) {
		return capture{}, false
	}
	return capture{args, len(p.parts) - len(args), loose}, true
}

// captured is the text of some words: what is in the quotes when that is all, else as it stands in the intent.
func captured(intent string, words []word, quoted bool) (string, bool) {
	if len(words) == 1 && words[0].quoted {
		return words[0].text, words[0].text != ""
	}
	s := sentence(intent[words[0].from:words[len(words)-1].to])
	return s, !quoted && s != ""
}

// Meaning is a task that an intent may mean.
type Meaning struct {
	Task   *Task
	Phrase string            // the phrase that was said
	Args   map[string]string // captured
}

// fits tells whether a value has the type of a parameter of the task.
func (t *Task) fits(param, value string) bool {
	for _, p := range t.Params {
		if p.Name == param {
			_, err := p.Check(value)
			return err == nil
		}
	}
	return false
}

// Understand finds the task that the words mean. The most specific phrase wins: the one with the most words of its own,
// then the fewest words left to parameters; then the order of task and phrase decides. The name of a task is a phrase, too.
func (l *Library) Understand(intent string) (Meaning, bool) {
	list := intentWords(intent)
	var best Meaning
	var found capture
	for _, t := range l.Tasks() {
		if strings.EqualFold(strings.TrimSpace(intent), t.Name) {
			return Meaning{Task: t, Phrase: t.Name, Args: map[string]string{}}, true
		}
		for _, p := range t.Says {
			c, ok := p.match(intent, list, t.fits)
			if ok && (best.Task == nil || c.exact > found.exact || c.exact == found.exact && c.loose < found.loose) {
				best, found = Meaning{t, p.Text, c.args}, c
			}
		}
	}
	return best, best.Task != nil
}

// Nearest lists at most n phrases by their distance from the intent: 1 - 2·c/(p+i), where p and i count the words of phrase
// and intent (no articles, no parameters) and c those that they have in common; a word is in common, too, if one letter
// was mistyped. Equal distances go by the text of the phrase. A task is listed once.
func (l *Library) Nearest(intent string, n int) []string {
	type near struct {
		phrase   string
		distance float64
	}
	var words []string
	for _, w := range intentWords(intent) {
		if b := bare(strings.ToLower(w.text)); b != "" && !articles[b] {
			words = append(words, b)
		}
	}
	var list []near
	for _, t := range l.Tasks() {
		best := near{distance: 2}
		for _, p := range t.Says {
			if d := p.distance(words); d < best.distance || d == best.distance && p.Text < best.phrase {
				best = near{p.Text, d}
			}
		}
		if best.phrase != "" {
			list = append(list, best)
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		return list[i].distance < list[j].distance || list[i].distance == list[j].distance && list[i].phrase < list[j].phrase
	})
	var phrases []string
	for i := range min(n, len(list)) {
		phrases = append(phrases, list[i].phrase)
	}
	return phrases
}

func (p Phrase) distance(words []string) float64 {
	own, common := 0, 0
	used := make([]bool, len(words))
	for _, q := range p.parts {
		if q.word == "" {
			continue
		}
		own++
		for i, w := range words {
			if !used[i] && alike(w, q) {
				used[i] = true
				common++
				break
			}
		}
	}
	return 1 - 2*float64(common)/float64(own+len(words))
}

func alike(w string, q phrasePart) bool {
	return w == q.word || w == q.word+q.suffix || len(w) > 3 && min(levenshtein.ComputeDistance(w, q.word), levenshtein.ComputeDistance(w, q.word+q.suffix)) <= 1
}

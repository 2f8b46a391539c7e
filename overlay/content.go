package overlay

import "github.com/jitos/jitos"

// mergeContent merges three versions of a file's bytes; why says what is in conflict, "" for nothing.
type mergeContent func(three[[]byte]) (merged []byte, why string)

// contents are the ways to merge the content of a file, by the names that the policy has for them.
var contents = map[jitos.MergeBy]mergeContent{
	jitos.ByLines: byLines,
	jitos.ByJSON:  text(byKey(jsonKeys)),
	jitos.ByYAML:  text(byKey(yamlKeys)),
	jitos.ByUnion: text(byUnion),
	jitos.Refuse: func(three[[]byte]) ([]byte, string) {
		return nil, "both sides changed it, and the policy has that refused"
	},
}

// contentMerge picks how the content of a path is merged, and tells whether that serves for a file that both sides added. The first
// rule that covers the path counts; else it is merged by lines.
func (m *Merger) contentMerge(path string) (merge mergeContent, added bool) {
	for _, rule := range m.rules {
		for _, pattern := range rule.Paths {
			if merge := contents[rule.By]; merge != nil && jitos.MatchPath(pattern, path) {
				return merge, rule.By != jitos.ByLines && rule.By != jitos.Refuse
			}
		}
	}
	return byLines, false
}

// text refuses binary files.
func text(merge mergeContent) mergeContent {
	return func(v three[[]byte]) ([]byte, string) {
		if isBinary(v.base) || isBinary(v.ours) || isBinary(v.theirs) {
			return nil, "both sides changed the binary file"
		}
		return merge(v)
	}
}

func byLines(v three[[]byte]) (merged []byte, why string) {
	if isBinary(v.base) || isBinary(v.ours) || isBinary(v.theirs) {
		return nil, "both sides changed the binary file"
	}
	merged, conflicts := mergeText(v.base, v.ours, v.theirs)
	if conflicts != nil {
		return nil, sayLines(conflicts)
	}
	return merged, ""
}

// byUnion keeps the lines of both sides, ours first, where both changed the same ones.
func byUnion(v three[[]byte]) (merged []byte, why string) {
	merged, conflicts := mergeLines(v.base, v.ours, v.theirs, union)
	if conflicts != nil {
		return nil, sayLines(conflicts) // too many lines to compare
	}
	return merged, ""
}

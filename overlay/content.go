package overlay

// mergeContent merges three versions of a file's bytes; why says what is in conflict, "" for nothing.
type mergeContent func(three[[]byte]) (merged []byte, why string)

// contentMerge picks how the content of a path is merged: the one place to look at a policy by kind of file. Every path is
// merged by lines.
func contentMerge(string) mergeContent { return byLines }

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

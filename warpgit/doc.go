// Package warpgit keeps a WARP in a git repository, as an ordinary tree in ordinary commits on ordinary branches, so that
// git log, git diff, git blame, git push and git worktree work on it. This comment is the reference of the format.
//
// # Terms
//
//   - line: a chain of commits along first parents. A fabric's line begins with its birth, a commit without parents.
//   - rewrite: a commit of a line whose .jitos/rewrite.json, the record, says what it changed. Every other commit of a
//     workspace is plain: a person's, and it leaves .jitos/ alone.
//   - item: what a rewrite sets or drops: a node, an edge, or a file of the fabric.
//   - file tree: the root tree of a commit without .jitos/, known by the hash that it would have. It need not be stored.
//   - leaf: a file or directory in a sharded directory; shard: one hex digit, a directory of leaves or of shards.
//
// # References
//
//	refs/heads/jitos/system              the system WARP
//	refs/heads/jitos/sws/<name>          a workspace
//	refs/heads/jitos/archive/<yyyy-mm>   commits with the empty tree, each with a given up tip, or the one
//	                                     that holds the probes of a job, as its second parent;
//	                                     the chain's first commit has no parent
//	refs/jitos/remote/<remote>/<name>    what refs/heads/jitos/<name> was on a remote when it was last fetched
//
// # The tree
//
// Below .jitos/ all files are regular (100644) and all JSON is canonical: sorted keys, one field a line, one space of
// indentation a level, a newline at the end (jitos.Canonical).
//
// fabric.json is written at the birth and never again:
//
//	{
//	 "format": 1,
//	 "id": "greeter-mfzwizlt"
//	}
//
// nodes/<kind>/…/<name>.json holds the fields of a node. nodes/service/greeter.json, and nodes/library/words.json:
//
//	{
//	 "owner": "Ada",
//	 "port": "8080"
//	}
//
//	{
//	 "tags": [
//	  "text",
//	  "pure"
//	 ]
//	}
//
// edges/<from-kind>/…/<from>.e/<label>/…/<id>.json holds an edge: its other end, and its key and attributes where it has any.
// The id is the first 32 hex digits of SHA-256(to-kind NUL to-name NUL key). The edge service/greeter → library/words is
// edges/service/greeter.e/uses/72cbacc8e1ded3b5212229abebcdd46b.json:
//
//	{
//	 "attrs": {
//	  "since": 3
//	 },
//	 "to": "library/words"
//	}
//
// No edge is without its ends, and no two rewrites can make one so: an edge is set where both nodes are, and a node is dropped
// with all edges that leave it or point to it.
//
// rewrite.json is overwritten by each rewrite. It names payloads by their blobs and the files by one hash; version is that of
// the rule, seq one more than the first parent's. Reads are what the rewrite relied on:
//
//	{
//	 "actor": "Ada <ada@example.org>",
//	 "reads": [
//	  {
//	   "is": "100644 06ab7d0f9a35a7d9e1c0a1c6ebd9a7f3fa2fb9a3",
//	   "path": "src/main.go"
//	  }
//	 ],
//	 "rule": "graph",
//	 "seq": 2,
//	 "set": {
//	  "library/words": "e0879f4bdf647e673ec5e94c69cec81290e6cc34",
//	  "service/greeter": "0ebc022b79e65dcd92a97c08605a60e781c4c6ef",
//	  "service/greeter#uses/72cbacc8e1ded3b5212229abebcdd46b": "2b1332598adafa9aeeb4649dda48d9ddf23b6dc5"
//	 },
//	 "task": "map-services-mfzwizlt",
//	 "tree": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
//	 "version": 1
//	}
//
// methods/<name>.yaml and policy.yaml are the fabric's own library and policy, bytes as given.
//
// # Shards
//
// The three places marked … above are sharded. Up to 32 leaves stand in the directory itself; of more, each stands in the
// shard named by the first hex digit of SHA-256(leaf), leaf being the name as written ("greeter.json", "greeter.e"); and so on
// with the second digit in a shard of more than 32. Dropping leaves joins shards again. So equal graphs have equal trees,
// whatever their history, and a change touches a few small trees at any size. Empty directories do not exist.
//
// # The message
//
// Author is the actor (a worker that is only a name gets an address ending in @jitos.invalid), committer the user of the
// repository. The first line is "<rule>: <what>", cut to 72 letters and then told in full below; the trailers are the last
// paragraph:
//
//	graph: the greeter uses the words
//
//	It was not written down.
//
//	Jitos-Rule: graph
//	Jitos-Actor: Ada <ada@example.org>
//	Jitos-Task: map-services-mfzwizlt
//
// # What a commit is
//
// A commit is a rewrite when its message names the rule of its record, the record's number follows the first parent's and its
// tree is the commit's. It is plain when its .jitos/ is the first parent's. A .jitos/ that is neither came by a merge or a copy
// to a branch of the user's: then it is foreign and the graph is empty; on a fabric's line it is an error (jitos.ErrCorrupt).
// Store.Verify replays each record on the first parent and wants the same bytes.
//
// # Writing
//
// An Append makes its rewrites in a layer over the store (see Objects), whose trees are the bytes of tree objects: a rewrite copies
// those on its way and patches a hash in each. What the layer holds goes to one pack, the youngest self of each thing whole and
// the older ones as deltas against the next; then one ref moves. Packs are written aside, synced, held by a .keep that names
// the writer, and only then renamed into place; the ref moves by the same <ref>.lock that git uses, under a lock of jitos's own;
// then the .keep goes. Callers that come while a pack is written share the next one. A kill at any moment leaves either the old
// state or the new, and files that the next Open recognises and removes. Small packs are joined before they become so many that
// git would start a gc, see join.go.
//
// Everything else that jitos keeps is in <common git dir>/jitos, listed in local.go; all of it may be deleted, at the price of
// what was allowed here and of the clone's name.
//
// Two things were tried and left: go-git's reader of packs (see objectDirs) and its refs, which lose updates beside git. Its types
// are used, its decoders are the oracle of ours in the tests, and its tools work on this store, see package gogit.
package warpgit

// Package overlay compares WARPs, merges them, and shows them as they would be.
//
// A merge has three versions of everything: the base, from which two sides parted, ours, into which it merges, and theirs.
// In a collapse they are the snapshot, the system WARP and the workspace. What only one side changed is taken; what both
// changed alike is taken once; all else is looked into, and what cannot be settled there is a conflict. A merge with a
// conflict has no result and has written nothing.
//
// # Files
//
// Directories in which two of the three versions have equal hashes are never read, so a merge costs what its changes cost.
// Leaves are merged path by path:
//
//   - a file that both sides changed, by its lines, and its mode apart from them. Changed lines that touch are a conflict,
//     as in git. Line ends and a missing newline at the end stay as they are.
//   - binary files (a NUL in the first 8000 bytes), symbolic links and gitlinks, as a whole;
//   - a file deleted on one side and changed on the other is a conflict; so is one that both added with different content,
//     and a file where the other side has a directory.
//
// Renames are not looked for: a file that one side moved and the other changed is a conflict, never a wrong merge.
//
// The lines merge is a diff3: lines of the base that both sides kept cut the texts into chunks, and a chunk may be changed by
// one side only, or alike. Which lines were kept is a guess where lines repeat. The merge takes for kept what four different
// searches for a shortest edit script agree on, each script slid to the place that git slides it to (see slide), and is
// so, in tests against git merge-file, never the one that merges what git would not, but in texts that repeat half a dozen
// lines in random order, where it happened in 3 of 36,000 merges.
package overlay

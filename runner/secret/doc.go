// Package secret finds what must not be written down, and keeps what must: it scans bytes for secrets, hides known values in
// streams of output, and holds the secrets of a clone in files of their own.
//
//   - Scan and ScanReader find what has the shape of a secret (shapes.go: what vendors issue; assign.go: passwords and tokens
//     that are assigned to a name), with the line and the rule, in time linear in the size. The bytes of a finding never
//     leave its caller.
//   - Values are secrets that are known: New finds them as they are and encoded, and Reader and Text put [secret:NAME] in their place.
//   - Store keeps values by name in the common git directory of a clone, never in a tree.
//
// The rules err towards few false alarms: a finding stops work. What is meant to be there is told from a secret by its look
// (placeholders, examples, little entropy), by the words jitos:allow-secret in its line, or by its hash (Finding.Hash), which
// a person allows.
//
// # What it does not find
//
// Secrets without a shape or a telling name, those that are split, encrypted or encoded otherwise than Values says, and those in
// compressed files. A job that wants to give a secret away by what it writes can.
package secret

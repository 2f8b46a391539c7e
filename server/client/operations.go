package client

// What the command line asks of a daemon. Every daemon carries these out, in dev mode or not.
const (
	refusal = ` ... on Refusal { code message hint conflicts { item path why base ours theirs } } `

	submitIntent  = `mutation ($input: IntentInput!) { did: submitIntent(input: $input) {` + refusal + `... on IntentAccepted { task { id } nearest } } }`
	withdraw      = `mutation ($task: ID!, $why: String!) { did: withdraw(task: $task, why: $why) {` + refusal + `} }`
	plan          = `mutation ($task: ID!) { did: plan(task: $task) {` + refusal + `... on TaskAccepted { task { planning { id } } } } }`
	submitPlan    = `mutation ($task: ID!, $plan: JSON!) { did: submitPlan(task: $task, plan: $plan) {` + refusal + `... on PlanAccepted { candidate { id } } } }`
	decide        = `mutation ($question: ID!, $decision: Decision!, $text: String) { did: answer(question: $question, decision: $decision, text: $text) {` + refusal + `} }`
	submitRewrite = `mutation ($input: RewriteInput!) { did: submitRewrite(input: $input) {` + refusal + `... on CommitMade { commit { id } } } }`
	collapse      = `mutation ($workspace: String!, $noGate: String) { did: collapse(workspace: $workspace, noGate: $noGate) {` + refusal + `... on CommitMade { commit { id } } } }`
	discard       = `mutation ($workspace: String!, $why: String!) { did: discard(workspace: $workspace, why: $why) {` + refusal + `} }`
	absorb        = `mutation ($branch: String, $uncommitted: Uncommitted!) { did: absorb(branch: $branch, uncommitted: $uncommitted) {` + refusal + `... on CommitMade { commit { id } } } }`
	land          = `mutation ($branch: String, $new: Boolean!) { did: land(branch: $branch, new: $new) {` + refusal + `... on Landed { commit branch files workingTree } } }`
	run           = `mutation ($task: ID!, $candidate: ID, $uncommitted: Uncommitted!, $race: Int!) { did: run(task: $task, candidate: $candidate, uncommitted: $uncommitted, race: $race) {` + refusal + `} }`
	stop          = `mutation ($task: ID!) { did: stop(task: $task) {` + refusal + `} }`
	follow        = `subscription ($task: ID!) { progress(task: $task) { kind text process job verdict commit millis outcome result refusal { code message hint conflicts { item path why base ours theirs } } } }`
)

// Operations are all of them.
func Operations() []string {
	return []string{submitIntent, withdraw, plan, submitPlan, decide, submitRewrite, collapse, discard, absorb, land, run, stop, follow}
}

package main

// Parameters that several tools have.
var (
	taskParam        = param{name: "task", about: "id of a task, or a unique prefix", required: true}
	workspaceParam   = param{name: "workspace", about: "name of a workspace", required: true}
	messageParam     = param{name: "message", flag: "-m", about: "what was done, in words", required: true}
	whyParam         = param{name: "why", flag: "-m", about: "why, in words", required: true}
	uncommittedParam = param{name: "uncommitted", kind: choiceParam, oneOf: []string{"refuse", "dirty", "committed"},
		about: "uncommitted changes of tracked files: stop before any work (refuse), take them along (dirty), leave them out (committed)"}
	gatesParam = param{name: "gates", flag: "--gate", kind: wordsParam, about: "shell commands that must pass on the result"}
	argsParam  = param{name: "args", flag: "--arg", kind: mapParam, about: "arguments of the task, by name"}
	idParam    = param{name: "id", about: "a node (kind/name or a prefix of the name), a commit, or a workspace", required: true}
)

// agentTools are the tools, in the order of a piece of work. Their answers are the JSON of the commands, as --help documents it.
var agentTools = []agentTool{
	{name: "status", needs: "read", command: []string{"status", "--json"},
		about: "What is open: tasks with their statuses, workspaces (yours and those of others), what waits for a person, what can be landed."},
	{name: "methods", needs: "read", command: []string{"method", "list", "--json"},
		about: "The tasks and methods that the library knows, with the words that mean each."},
	{name: "declare", needs: "plan", command: []string{"task", "new", "--json"},
		params: []param{{name: "intent", about: "what should be true, in words: \"fix the failing tests\"", required: true}, argsParam, gatesParam},
		about:  "Declare an intent. Nothing is planned or run. Answers with the task's id, or the nearest phrases of the library."},
	{name: "plan", needs: "plan", command: []string{"plan", "--json", "--explain"},
		params: []param{taskParam, {name: "k", flag: "-k", kind: countParam, about: "how many candidates"}},
		about:  "Ask the planner for candidate plans, best first, and why each other method was not used."},
	{name: "submit_plan", needs: "plan", command: []string{"plan", "--json", "--from=-"},
		params: []param{taskParam, {name: "plan", kind: textParam, required: true,
			about: "YAML: title: WORDS, steps: {NAME: {run: COMMAND, needs: [\"fs.write:**\"], after: [NAME]}}"},
			{name: "revises", flag: "--revises", about: "the plan that this one revises"}},
		about: "Record a plan of your own for a task, or a revision of one."},
	{name: "run", needs: "run", command: []string{"run", "--json"},
		params: []param{taskParam, {name: "plan", flag: "--slap", about: "try only this plan: its number or id"},
			{name: "race", flag: "--race", kind: countParam, about: "try so many plans side by side; the first that is proven wins"}, uncommittedParam},
		about: "Try the plans of a task until one is proven and collapses. Long: ask for progress; cancelling keeps what was settled. " +
			"Answers with the outcome, the attempts with their reasons, the evidence and the files. Your branch is unchanged until it is landed."},
	{name: "open_workspace", needs: "write", command: []string{"sws", "new", "--json"},
		params: []param{{name: "workspace", about: "its name"}, {name: "intent", flag: "--intent", about: "what it is for", required: true}},
		about:  "Open a workspace to work in by hand: a branch from the system line. workspace_dir tells where to edit."},
	{name: "workspace_dir", needs: "write", command: []string{"sws", "dir", "--json"}, params: []param{workspaceParam},
		about: "The directory of a workspace: edit files there with your own tools, then save."},
	{name: "save", needs: "write", command: []string{"sws", "save", "--json"}, params: []param{workspaceParam, messageParam},
		about: "Record what is in the directory of a workspace as one rewrite."},
	{name: "diff", needs: "read", command: []string{"sws", "diff", "--json"}, params: []param{workspaceParam},
		about: "What a workspace changes against its snapshot, files and graph."},
	{name: "preview", needs: "read", command: []string{"sws", "collapse", "--preview", "--json"}, params: []param{workspaceParam},
		about: "What a collapse of the workspace would merge, and its conflicts. Nothing is written."},
	{name: "collapse", needs: "collapse", command: []string{"sws", "collapse", "--json"},
		params: []param{workspaceParam, {name: "no_gate", flag: "--no-gate", kind: yesParam, about: "merge without a gate, where none can run here; needs why"},
			{name: "why", flag: "-m", about: "why no gate is needed"}},
		about: "Merge a workspace into the system line, all or nothing, after its gates passed on exactly the merged files. A conflict changes nothing and is recorded."},
	{name: "rebase", needs: "write", command: []string{"sws", "rebase"}, params: []param{workspaceParam},
		about: "Merge the system line into a workspace, when it has become stale."},
	{name: "discard", needs: "write", command: []string{"sws", "discard"}, params: []param{workspaceParam, whyParam}, ends: true,
		about: "Give a workspace up. The reason and its commits stay, so that others can learn from them."},
	{name: "rewrite", needs: "write", command: []string{"rewrite", "--json", "--", "-"},
		params: []param{{name: "rewrite", kind: jsonParam, about: `{"set": [{"id": "kind/name", "fields": {}}], "edges": [{"from", "label", "to"}], "drop": [], "what": "in words"}`, required: true}},
		about:  "Set or drop nodes and edges of the graph, as one checked rewrite."},
	{name: "show", needs: "read", command: []string{"show", "--json"}, params: []param{idParam},
		about: "A node with its edges (a task with its plans and attempts, a conflict with its two sides, a job with its output), or a commit."},
	{name: "log", needs: "read", command: []string{"log", "--json"},
		params: []param{{name: "task", flag: "--task", about: "only this task, with what happened in its workspaces"}, {name: "n", flag: "-n", kind: countParam, about: "at most so many", required: true}},
		about:  "The rewrites of the system line, newest first."},
	{name: "why", needs: "read", command: []string{"why", "--json"},
		params: []param{{name: "of", about: "FILE:LINE, FILE, a node or a commit", required: true}},
		about:  "The way from a line, a node or a commit back to the intent behind it: rewrite, job, plan, task, evidence."},
	{name: "inbox", needs: "read", command: []string{"inbox", "--json"},
		about: "What waits for a person: questions and approvals, with the files that they are about."},
	{name: "answer", needs: "answer", command: []string{"answer", "--json"}, params: []param{{name: "question", about: "its id", required: true}, {name: "text", about: "the answer", required: true}},
		about: "Answer a question of the inbox in words."},
	{name: "approve", needs: "answer", command: []string{"approve", "--json"}, params: []param{{name: "question", about: "its id", required: true}},
		about: "Approve what the inbox shows. It holds for exactly those files."},
	{name: "reject", needs: "answer", command: []string{"reject", "--json"}, params: []param{{name: "question", about: "its id", required: true}, whyParam},
		about: "Reject what the inbox shows."},
	{name: "absorb", needs: "land", command: []string{"absorb", "--json"}, params: []param{uncommittedParam},
		about: "Take the commits of the user's branch into the system line."},
	{name: "land", needs: "land", command: []string{"land", "--json"}, params: []param{{name: "branch", flag: "--branch", about: "make this new branch instead of moving the user's"}},
		about: "Carry collapsed files to the user's branch, as one ordinary commit."},
}

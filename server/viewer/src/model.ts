// What the operations in ops answer with, as far as the pages read it.

export type Verdict = 'PASS' | 'FAIL' | 'COULD_NOT_RUN';
export type State = 'OPEN' | 'COLLAPSED' | 'DISCARDED';
export type Change = 'ADDED' | 'CHANGED' | 'REMOVED';

export interface Commit {
  id: string;
  parents: string[];
  seq: number | null;
  rule: string | null;
  subject: string;
  author: string;
  when: string;
  task: string | null;
  process: string | null;
}

export interface Row {
  lane: string | null;
  commit: Commit;
}

export interface Lane {
  name: string;
  state: State;
  workspace: string;
  from: string;
  end: string | null;
  reason: string | null;
  cut: boolean;
  task: { id: string; intent: string } | null;
  candidate: { id: string; title: string } | null;
}

export interface Lanes {
  more: boolean;
  rows: Row[];
  lanes: Lane[];
}

export interface Hunk {
  oldStart: number;
  oldLines: number;
  newStart: number;
  newLines: number;
  lines: string[];
}

export interface FileDiff {
  path: string;
  oldMode: string;
  newMode: string;
  binary: boolean;
  added: number;
  removed: number;
  hunks: Hunk[];
}

export interface FieldDiff {
  name: string;
  old: unknown;
  new: unknown;
}

export interface NodeDiff {
  id: string;
  change: Change;
  fields: FieldDiff[];
}

export interface EdgeDiff {
  from: string;
  label: string;
  to: string;
  key: string;
  change: Change;
  attrs: FieldDiff[];
}

export interface Diff {
  files: FileDiff[];
  graph: { nodes: NodeDiff[]; edges: EdgeDiff[] };
}

export interface Waiting {
  id: string;
  task: string;
  process: string;
  workspace: string;
  step: string;
  about: 'TEXT' | 'APPROVAL' | 'TESTS' | 'PATHS' | 'OUTCOME';
  why: string;
  tree: string;
  paths: string[];
  by: string[];
  until: string | null;
}

export interface Report {
  passed: number;
  failed: string[];
  skipped: string[];
}

export interface Evidence {
  id: string;
  gate: string;
  verdict: Verdict;
  reason: string | null;
  millis: number;
  env?: string;
  tree?: string;
  report: Report | null;
}

export interface Step {
  name: string;
  title: string;
  worker: string;
  run: string | null;
  gate: string | null;
  after: string[];
  needs: string[];
  args: Record<string, string> | null;
}

export interface Settlement {
  verdict: Verdict;
  exit: number;
  stale: boolean;
  reason: string | null;
  paths: string[];
  millis: number;
  from: string | null;
  report: Report | null;
}

export interface Try {
  id: string;
  began: string | null;
  settlement: Settlement | null;
}

export interface Job {
  id: string;
  name: string;
  verdict: Verdict | null;
  step: Omit<Step, 'name'>;
  tries: Try[];
}

/** One task of a decomposition. */
export interface Branch {
  task: string;
  name?: string;
  args?: Record<string, string>;
  method: string;
  because?: string[];
  steps?: string[];
  tasks?: Branch[];
}

export interface Candidate {
  id: string;
  name: string;
  title: string;
  cost: number;
  by: string;
  methods: string[];
  keeps: string[];
  parent: string | null;
  decomposition: Branch | null;
  steps: Step[];
}

export interface WhyNot {
  task: string;
  method: string;
  condition: string;
  reason: string;
  binding: unknown;
  nearest: string[];
}

export interface Process {
  id: string;
  name: string;
  number: number;
  state: State;
  workspace: string;
  actor: string;
  grants: string[];
  byHand: boolean;
  reason: string | null;
  candidate: { id: string } | null;
  findings: { id: string; about: string; text: string }[];
  conflicts: { path: string | null; item: string | null; why: string; base: string | null; ours: string | null; theirs: string | null }[];
  evidence: Evidence[];
  jobs: Job[];
}

export interface Task {
  id: string;
  name: string;
  intent: string;
  matched: string | null;
  status: string;
  actor: string;
  setBy: { id: string; when: string } | null;
  evidence: Evidence[];
  planning: { id: string; planner: string; expanded: number; truncated: boolean; bound: number | null; whyNot: WhyNot[] } | null;
  candidates: Candidate[];
  processes: Process[];
}

/** A command was not carried out. */
export interface Refusal {
  code?: string;
  message?: string;
  hint?: string | null;
}

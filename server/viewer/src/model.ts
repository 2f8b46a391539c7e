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

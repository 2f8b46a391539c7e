// All nodes and edges of a snapshot, by kind and neighbourhood. Of a workspace, in the colours of what it changes against the system
// line. Drawn by sigma; what is drawn is the cut of picture.ts, taken anew when the camera rests.
import Graph from 'graphology';
import { useEffect, useRef, useState } from 'preact/hooks';
import Sigma from 'sigma';
import { NodeCircleProgram } from 'sigma/rendering';
import type { Settings } from 'sigma/settings';
import { admitted } from './api';
import { useAnswer } from './commit';
import { long } from './diff';
import { Picture, type Cut } from './picture';
import { go, href, lanes, param, rows } from './state';
import { plural, short, slug, value } from './words';
import NODE from '../ops/node.graphql';

const dark = matchMedia('(prefers-color-scheme: dark)');
const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** As in style.css, where the legend has them. */
const hues = ['#3f6fd8', '#2e8f57', '#b0702a', '#8a55c4', '#1f8c99', '#c24f5d', '#8a7c1f', '#b3529b'];
const darkHues = ['#7ea2f5', '#5cc08a', '#d9a05e', '#b58ae6', '#58bcc8', '#ea8490', '#c4b452', '#dd8ac8'];
/** The radius of a node, in the picture's units. */
const DOT = 0.5;
const changeNames = ['', 'added', 'changed', 'removed'];
const colours = () => ({
  of: (kind: number) => (dark.matches ? darkHues : hues)[kind % 8],
  change: dark.matches ? ['#4b5158', '#62c58d', '#d8ad5a', '#f08a82'] : ['#c3c7cc', '#17703f', '#a86f00', '#b3302a'],
  edge: dark.matches ? '#4c545d' : '#b4bac2',
  none: 'rgba(0,0,0,0)',
  mute: dark.matches ? '#9aa1a9' : '#535a62',
  ink: dark.matches ? '#dfe2e5' : '#1b1d20',
  pick: dark.matches ? '#ffffff' : '#000000',
  paper: dark.matches ? '#15181a' : '#ffffff',
});

export function GraphView() {
  const lane = param('lane');
  const strand = lane ? lanes.value?.lanes.find((l) => l.name === lane) : undefined;
  const head = rows.value.find((r) => !r.lane)?.commit.id;
  const tip = lane ? rows.value.find((r) => r.lane === lane)?.commit.id : head;
  const against = strand && tip ? strand.from : '';
  const { picture, error } = usePicture(tip, against);
  const [text, setText] = useState('');
  const found = picture && text ? picture.search(text, 60) : [];
  const picked = param('node');
  const overlay = against !== '';
  const tally = picture?.tally() ?? [];
  const paint = colours();
  return (
    <main class={picked ? 'graph open' : 'graph'}>
      <aside class="list" aria-label="Graph">
        <div class="controls">
          <label>
            <span>of</span>
            <select value={lane ?? ''} onChange={(e) => go(null, { lane: e.currentTarget.value || null })}>
              <option value="">the system line</option>
              {lanes.value?.lanes.filter((l) => rows.value.some((r) => r.lane === l.name)).toReversed().map((l) => <option key={l.name} value={l.name}>{slug(l.workspace)}, {l.state.toLowerCase()}</option>)}
            </select>
          </label>
          <input type="search" placeholder="Search nodes" aria-label="Search nodes" value={text} onInput={(e) => setText(e.currentTarget.value)} />
        </div>
        {error && <p class="error" role="alert">{error}</p>}
        {text ? (
          <ul aria-label="Found">
            {found.map((i) => <li key={i}><a href={href(null, { node: picture!.id(i) })} aria-current={picture!.id(i) === picked ? 'true' : undefined}><span>{picture!.id(i)}</span></a></li>)}
            {!found.length && <li class="empty">No node has this in its name.</li>}
          </ul>
        ) : (
          <dl class="legend" aria-label="Kinds">
            {overlay
              ? [1, 2, 3].map((c) => <div key={c}><dt><i style={{ background: paint.change[c] }} />{changeNames[c]}</dt><dd>{picture ? picture.change.reduce((n, x) => n + Number(x === c), 0) : ''}</dd></div>)
              : picture?.kinds.map((k, i) => <div key={k}><dt><i style={{ background: paint.of(i) }} />{k}</dt><dd>{tally[i]}</dd></div>)}
          </dl>
        )}
        {picture && !text && <p class="note">{plural(tally.reduce((a, b) => a + b, 0), 'node')}, {plural(picture.from.length, 'edge')}</p>}
      </aside>
      <Canvas picture={picture} overlay={overlay} picked={picked} />
      {picked && picture && <NodePane id={picked} picture={picture} at={tip ?? null} />}
    </main>
  );
}

/** Fetches the picture of a commit, and again when the commit is another. */
function usePicture(at: string | undefined, against: string): { picture?: Picture; error?: string } {
  const [state, setState] = useState<{ picture?: Picture; error?: string }>({});
  useEffect(() => {
    if (!at) return;
    const stop = new AbortController();
    const wait = setTimeout(async () => {
      try {
        const answer = await admitted(`/graph.bin?at=${at}${against && `&against=${against}`}`, { signal: stop.signal });
        if (!answer.ok) throw new Error((await answer.json()).errors[0].message);
        setState({ picture: new Picture(await answer.arrayBuffer()) });
      } catch (e) {
        if (!stop.signal.aborted) setState((s) => ({ ...s, error: (e as Error).message }));
      }
    }, state.picture ? 250 : 0);
    return () => {
      clearTimeout(wait);
      stop.abort();
    };
  }, [at, against]);
  return state;
}

function Canvas({ picture, overlay, picked }: { picture?: Picture; overlay: boolean; picked: string | null }) {
  const box = useRef<HTMLDivElement>(null);
  const stage = useRef<Stage | null>(null);
  useEffect(() => {
    const s = new Stage(box.current!);
    stage.current = s;
    const repaint = () => s.draw();
    dark.addEventListener('change', repaint);
    return () => {
      dark.removeEventListener('change', repaint);
      s.end();
    };
  }, []);
  useEffect(() => stage.current?.show(picture, overlay), [picture, overlay]);
  useEffect(() => stage.current?.pick(picked), [picture, picked]);
  const n = picture ? picture.tally().reduce((a, b) => a + b, 0) : 0;
  return (
    <section class="stage" aria-label="Picture">
      <div ref={box} class="sigma" role="img" aria-label={`${plural(n, 'node')} by kind and neighbourhood; the search finds each of them`} />
      <div class="zoom">
        <button class="quiet" aria-label="Nearer" onClick={() => stage.current?.zoom(1 / 1.6)}>+</button>
        <button class="quiet" aria-label="Farther" onClick={() => stage.current?.zoom(1.6)}>−</button>
        <button class="quiet" onClick={() => stage.current?.whole()}>all</button>
      </div>
    </section>
  );
}

/** A spot, drawn once: sigma would draw it a second time to tell by its pixels what is clicked. */
class Spot extends NodeCircleProgram {
  constructor(gl: WebGLRenderingContext, _: WebGLFramebuffer | null, sigma: Sigma) {
    super(gl, null, sigma);
  }
}

/** Sigma with the cut of a picture in it. */
class Stage {
  private readonly sigma: Sigma;
  private picture?: Picture;
  private cut: Cut = { dots: [], discs: [], halos: [], beyond: [], edges: [] };
  private overlay = false;
  private picked = -1;
  private resting = 0;
  private last = 0;
  private taken: { left: number; right: number; y: number }[] = []; // where names stand in this frame

  constructor(container: HTMLElement) {
    this.sigma = new Sigma(new Graph({ multi: true }), container, {
      itemSizesReference: 'positions',
      zoomToSizeRatioFunction: (r) => r,
      minEdgeThickness: 0.9,
      zIndex: true,
      labelRenderedSizeThreshold: 5,
      labelFont: 'Inter, system-ui, sans-serif',
      labelSize: 12,
      labelColor: { attribute: 'labelColor' },
      defaultDrawNodeLabel: (context, data, settings) => this.name(context, data, settings),
      nodeProgramClasses: { circle: Spot },
      stagePadding: 24,
      minCameraRatio: 0.00002,
      maxCameraRatio: 3,
      enableCameraRotation: false,
    });
    this.sigma.on('beforeRender', () => (this.taken = []));
    // Sigma asks the graphics card what lies below the pointer at each move and turn of the wheel, and waits until all is drawn.
    const [mouse, touch] = [this.sigma.getMouseCaptor(), this.sigma.getTouchCaptor()];
    mouse.removeAllListeners();
    touch.removeAllListeners();
    mouse.on('click', (at) => this.click(at));
    touch.on('tap', ({ touches: [at], previousTouches: [before] }) => this.click(at ?? before));
    this.sigma.getCamera().on('updated', () => this.moved());
  }

  /**
   * A name stands below its node, on paper: what hangs on a node lies to its right, and a name there would be struck through. One
   * that would stand on another is left out, unless it has to be there.
   */
  private name(context: CanvasRenderingContext2D, data: Parameters<Settings['defaultDrawNodeLabel']>[1], settings: Settings): void {
    if (!data.label) return;
    const size = settings.labelSize;
    const text = data.label.length > 28 ? `${data.label.slice(0, 27)}…` : data.label;
    context.font = `${size}px ${settings.labelFont}`;
    const half = context.measureText(text).width / 2 + 3;
    const box = { left: data.x - half, right: data.x + half, y: data.y + data.size + size + 1 };
    if (!data.forceLabel && this.taken.some((o) => o.left < box.right && box.left < o.right && Math.abs(o.y - box.y) < size + 1)) return;
    this.taken.push(box);
    context.textAlign = 'center';
    context.lineJoin = 'round';
    context.lineWidth = 4;
    context.strokeStyle = colours().paper;
    context.fillStyle = data.labelColor as string;
    context.strokeText(text, data.x, box.y);
    context.fillText(text, data.x, box.y);
  }

  end(): void {
    clearTimeout(this.resting);
    this.sigma.kill();
  }

  show(picture: Picture | undefined, overlay: boolean): void {
    if (!picture) return;
    this.overlay = overlay;
    this.picture = picture;
    this.picked = -1;
    const [x, y, r] = [picture.place[0] || 0, picture.place[1] || 0, picture.place[2] || 1];
    this.sigma.setCustomBBox({ x: [x - r, x + r], y: [y - r, y + r] });
    this.sigma.refresh();
    this.draw();
  }

  pick(id: string | null): void {
    this.picked = id && this.picture ? this.picture.find(id) : -1;
    if (this.picked >= 0) this.to(this.picked);
    this.draw();
  }

  zoom(factor: number): void {
    const camera = this.sigma.getCamera();
    void camera.animate({ ratio: camera.getBoundedRatio(camera.ratio * factor) }, { duration: calm.matches ? 0 : 180 });
  }

  whole(): void {
    void this.sigma.getCamera().animate({ x: 0.5, y: 0.5, ratio: 1 }, { duration: calm.matches ? 0 : 250 });
  }

  /** Goes to where a node can be told from its neighbours, if it cannot be already. */
  private to(i: number): void {
    const { place } = this.picture!;
    const at = this.sigma.viewportToFramedGraph(this.sigma.graphToViewport({ x: place[5 * i + 3], y: place[5 * i + 4] }));
    const camera = this.sigma.getCamera();
    const near = (camera.ratio * this.view().scale) / 12; // pixels for one unit
    void camera.animate({ x: at.x, y: at.y, ratio: Math.min(camera.ratio, near) }, { duration: calm.matches ? 0 : 300 });
  }

  private click(point: { x: number; y: number }): void {
    if (!this.picture) return;
    const { place } = this.picture;
    const { x, y } = this.sigma.viewportToGraph(point);
    const { scale } = this.view();
    const disc = this.cut.discs.find((i) => Math.hypot(place[5 * i] - x, place[5 * i + 1] - y) < place[5 * i + 2]);
    const far = (i: number) => Math.hypot(place[5 * i + 3] - x, place[5 * i + 4] - y);
    const dot = this.cut.dots.reduce((best, i) => (best < 0 || far(i) < far(best) ? i : best), -1);
    if (dot >= 0 && far(dot) < Math.max(DOT, 4 / scale)) return go(null, { node: this.picture.id(dot) }, true);
    if (disc === undefined) return;
    const at = this.sigma.viewportToFramedGraph(this.sigma.graphToViewport({ x: place[5 * disc], y: place[5 * disc + 1] }));
    const { width, height } = this.sigma.getDimensions();
    const camera = this.sigma.getCamera();
    const fits = (camera.ratio * scale * place[5 * disc + 2] * 2.4) / Math.min(width, height);
    void camera.animate({ ...at, ratio: camera.getBoundedRatio(fits) }, { duration: calm.matches ? 0 : 300 });
  }

  /** While the camera moves the cut follows now and then; it is taken at once when the camera rests. */
  private moved(): void {
    clearTimeout(this.resting);
    this.resting = window.setTimeout(() => this.draw(), performance.now() - this.last > 250 ? 0 : 90);
  }

  private view() {
    const { width, height } = this.sigma.getDimensions();
    const a = this.sigma.viewportToGraph({ x: 0, y: 0 });
    const z = this.sigma.viewportToGraph({ x: width, y: height });
    const scale = width / Math.abs(z.x - a.x);
    return { left: Math.min(a.x, z.x), right: Math.max(a.x, z.x), bottom: Math.min(a.y, z.y), top: Math.max(a.y, z.y), scale };
  }

  draw(): void {
    const p = this.picture;
    if (!p) return;
    this.last = performance.now();
    const view = this.view();
    const cut = (this.cut = p.cut(view, this.picked));
    const paint = colours();
    const graph = new Graph({ multi: true });
    const tone = (i: number) => (!this.overlay ? paint.of(p.kind[i]) : paint.change[p.change[i]]);
    for (const i of cut.halos) {
      const r = p.place[5 * i + 2];
      if (p.parent[i] !== 0 || r * view.scale < 26) continue; // a kind is named above all that is of it
      const place = { x: p.place[5 * i], y: p.place[5 * i + 1] + r, size: 0.01 };
      graph.addNode(i, { ...place, color: paint.none, labelColor: paint.mute, label: p.kinds[p.kind[i]], forceLabel: true });
    }
    for (const i of cut.discs) {
      const color = this.overlay ? (p.changes[i] ? paint.change[2] : paint.change[0]) : paint.of(p.kind[i]);
      graph.addNode(i, { x: p.place[5 * i], y: p.place[5 * i + 1], size: p.place[5 * i + 2] * 0.82, color, labelColor: paint.ink, label: '', zIndex: 1 });
    }
    for (const i of cut.dots) {
      graph.addNode(i, {
        x: p.place[5 * i + 3], y: p.place[5 * i + 4], size: i === this.picked ? 0.95 : p.count[i] > 1 ? 0.62 : DOT, color: i === this.picked ? paint.pick : tone(i),
        label: view.scale > 9 ? slug(p.name(i)) : '', labelColor: paint.ink, zIndex: i === this.picked ? 3 : 2, forceLabel: i === this.picked,
      });
    }
    for (const i of cut.beyond) graph.addNode(i, { x: p.place[5 * i + 3], y: p.place[5 * i + 4], size: DOT, color: tone(i), label: '' });
    for (const [a, b, e] of cut.edges) {
      const mine = a === this.picked || b === this.picked;
      const change = this.overlay ? p.edgeChange[e] : 0;
      graph.addEdge(a, b, { size: mine ? 0.14 : 0.07, color: mine ? paint.ink : change ? paint.change[change] : paint.edge });
    }
    this.sigma.setGraph(graph);
  }
}

/** A node: what it says, and what it is tied to. */
function NodePane({ id, picture: p, at }: { id: string; picture: Picture; at: string | null }) {
  type Answer = { warp: { node: { id: string; fields: Record<string, unknown>; setBy: { id: string; rule: string; subject: string } | null } | null } };
  const { data } = useAnswer<Answer>(NODE, { at, id });
  const spot = p.find(id);
  const out: [string, number][] = [];
  const into: [string, number][] = [];
  for (let e = 0; e < p.from.length; e++) {
    if (p.from[e] === spot) out.push([p.labels[p.label[e]], p.to[e]]);
    else if (p.to[e] === spot) into.push([p.labels[p.label[e]], p.from[e]]);
  }
  const node = data?.warp.node;
  const ties = (list: [string, number][], what: string) => list.length > 0 && (
    <>
      <h3>{what}</h3>
      <ul class="ties">
        {list.slice(0, 50).map(([label, i], k) => <li key={k}><span class="label">{label}</span> <a href={href(null, { node: p.id(i) })}>{p.id(i)}</a></li>)}
        {list.length > 50 && <li class="meta">and {list.length - 50} more</li>}
      </ul>
    </>
  );
  return (
    <aside class="pane node" aria-label="Node">
      <button class="close" aria-label="Close" onClick={() => go(null, { node: null })}>×</button>
      <header class="head">
        <h2><code>{id}</code></h2>
        <p class="meta">
          {spot < 0 && <span>It is not in this graph.</span>}
          {spot >= 0 && p.change[spot] > 0 && <span class={changeNames[p.change[spot]]}>{changeNames[p.change[spot]]}</span>}
          {node?.setBy && <a href={href('/', { commit: short(node.setBy.id) })}>{node.setBy.rule}: {node.setBy.subject}</a>}
          {spot >= 0 && <a href={href(`/why/${id}`)}>why</a>}
        </p>
      </header>
      {node && (
        <dl class="fields">
          {Object.entries(node.fields ?? {}).map(([k, v]) => <div key={k}><dt>{k}</dt><dd tabIndex={long(v) ? 0 : undefined}>{value(v)}</dd></div>)}
        </dl>
      )}
      {ties(out, 'leads to')}
      {ties(into, 'follows from')}
    </aside>
  );
}

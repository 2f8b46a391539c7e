// Time, from left to right: a tick for each rewrite. Moving the handle shows the whole page as it was then.
import { signal } from '@preact/signals';
import { at, lanes, look, step } from './state';
import { hue } from './strands';
import { moment } from './words';

const playing = signal(0);

/** Goes through what happened, up to now. */
export function play(): void {
  if (playing.value) return stop();
  if (!at.value) {
    const all = lanes.value?.rows ?? [];
    look(all[all.length - 1]?.commit.id ?? null);
  }
  playing.value = window.setInterval(() => {
    step(-1);
    if (!at.value) stop();
  }, 180);
}

export function stop(): void {
  clearInterval(playing.value);
  playing.value = 0;
}

export function Scrubber() {
  const all = lanes.value?.rows ?? [];
  const n = all.length;
  if (n < 2) return null;
  const i = at.value ? Math.max(0, all.findIndex((r) => r.commit.id.startsWith(at.value!))) : 0;
  const c = all[i].commit;
  const place = (k: number) => `${(100 * (n - 1 - k)) / (n - 1)}%`;
  return (
    <footer class={at.value ? 'scrubber past' : 'scrubber'}>
      <button class="quiet" onClick={play} aria-label={playing.value ? 'Stop' : 'Play what happened'} title="p">
        {playing.value ? '❚❚' : '►'}
      </button>
      <div class="track">
        <svg class="ticks" aria-hidden="true" preserveAspectRatio="none">
          {all.map((r, k) => (
            <line
              key={r.commit.id}
              class={r.lane ? `hue-${hue(r.lane)}` : `system rule-${r.commit.rule}`}
              x1={place(k)} x2={place(k)} y1={r.lane ? 15 : 4} y2="22"
            />
          ))}
        </svg>
        <input
          type="range" min="0" max={n - 1} step="1" value={n - 1 - i}
          aria-label="Moment" aria-valuetext={`${c.rule ?? 'commit'}: ${c.subject}, ${moment(c.when)}`}
          onInput={(e) => {
            stop();
            const k = n - 1 - Number(e.currentTarget.value);
            look(k === 0 ? null : all[k].commit.id);
          }}
        />
      </div>
      <span class="when">{moment(c.when)}</span>
      <button class="quiet back" disabled={!at.value} onClick={() => { stop(); look(null); }} title="l">
        {at.value ? 'go live' : 'live'}
      </button>
    </footer>
  );
}

/* The latency of each inference, drawn as SVG. Only runs of one size are compared: others take other times. */

export interface Point {
  milliseconds: number;
  shape: string;
}

export interface Plot {
  shape: string;
  /** Milliseconds of the runs drawn, the oldest first. */
  values: number[];
  /** The median of each run and the four before it: what one pause elsewhere does not move. */
  smooth: number[];
  /** Places in `values` before which a faster kernel was swapped in. */
  swaps: number[];
  /** Top of the scale, in milliseconds; what took longer is drawn there. */
  top: number;
}

const KEPT = 120; // runs drawn at most
const OUTLIER = 4; // times the median: what took longer is drawn at the top, so that the rest stays legible
const NS = 'http://www.w3.org/2000/svg';
const MARGIN = { left: 34, right: 8, top: 8, bottom: 18 };

/** Collects runs and swaps; `plot` is what there is to draw for one size. */
export class History {
  readonly #runs: (Point & { swapsBefore: number })[] = [];
  #swaps = 0;

  add(point: Point): void {
    this.#runs.push({ ...point, swapsBefore: this.#swaps });
    if (this.#runs.length > 4 * KEPT) {
      this.#runs.shift();
    }
  }

  swap(): void {
    this.#swaps++;
  }

  plot(shape: string): Plot {
    const runs = this.#runs.filter((run) => run.shape === shape).slice(-KEPT);
    const values = runs.map((run) => run.milliseconds);
    const swaps: number[] = [];
    runs.forEach((run, i) => {
      if (i > 0 && run.swapsBefore > runs[i - 1]!.swapsBefore) {
        swaps.push(i);
      }
    });
    const smooth = values.map((_, i) => median(values.slice(Math.max(0, i - 4), i + 1)));
    const top = Math.max(1, Math.min(Math.max(...values, 0), OUTLIER * median(values)));
    return { shape, values, smooth, swaps, top: niceTop(top) };
  }
}

/** The middle one of the values, the lower of two; 0 of none. */
function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1] ?? 0;
}

/** The smallest round number that is not below the value. */
export function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return (
    [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((top) => top >= value) ??
    10 * power
  );
}

/** What the drawing says, for those who do not see it. */
export function words({ shape, values, swaps }: Plot): string {
  if (values.length === 0) {
    return 'No inference yet.';
  }
  const [batch, tokens] = shape.split('x');
  const size = `${batch === '1' ? 'one text' : `${batch} texts`} of ${tokens} tokens`;
  const swapped = swaps.length > 0 ? ' Dashed: a faster kernel was swapped in.' : '';
  const line = values.length > 4 ? ' Line: the median of five.' : '';
  return `${values.length} ${values.length === 1 ? 'inference' : 'inferences'} of ${size}: first ${values[0]!.toFixed(1)} ms, best ${Math.min(...values).toFixed(1)} ms.${line}${swapped}`;
}

export function draw(svg: SVGSVGElement, plot: Plot): void {
  const width = svg.clientWidth || 400;
  const height = svg.clientHeight || 190;
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  const right = width - MARGIN.right;
  const bottom = height - MARGIN.bottom;
  const steps = Math.max(plot.values.length - 1, 24); // a few points do not stretch over the width
  const x = (i: number) => MARGIN.left + ((right - MARGIN.left) * i) / steps;
  const y = (value: number) => bottom - (bottom - MARGIN.top) * Math.min(1, value / plot.top);
  const parts: SVGElement[] = [];
  for (const share of [0, 0.5, 1]) {
    const at = y(plot.top * share);
    parts.push(make('line', { class: 'grid', x1: MARGIN.left, x2: right, y1: at, y2: at }));
    const label = make('text', { x: MARGIN.left - 7, y: at + 4, 'text-anchor': 'end' });
    label.textContent = String(plot.top * share);
    parts.push(label);
  }
  for (const swap of plot.swaps) {
    const at = x(swap - 0.5);
    parts.push(make('line', { class: 'swap', x1: at, x2: at, y1: MARGIN.top, y2: bottom }));
  }
  plot.values.forEach((value, i) =>
    parts.push(make('circle', { class: 'raw', cx: x(i), cy: y(value), r: 2 })),
  );
  const points = plot.smooth.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`);
  parts.push(make('polyline', { class: 'line', points: points.join(' ') }));
  const last = plot.smooth.length - 1;
  if (last >= 0) {
    parts.push(make('circle', { class: 'dot', cx: x(last), cy: y(plot.smooth[last]!), r: 4 }));
  }
  svg.replaceChildren(...parts);
}

function make(name: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, String(value));
  }
  return element;
}

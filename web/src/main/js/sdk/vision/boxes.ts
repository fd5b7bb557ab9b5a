import type { Point } from './resample.js';

/* Lines of text out of a map of probabilities: the post-processing of DB (Liao et al., "Real-time Scene Text Detection with Differentiable
   Binarization", AAAI 2020), with rectangles of any angle. */

/** A rectangle of any angle. */
export interface Box {
  centre: Point;
  /** Its longer side, and the unit vector along it; the angle is from -45 to 135 degrees. */
  width: number;
  height: number;
  along: Point;
}

export interface BoxOptions {
  /** Probability from which a pixel counts as text. */
  threshold: number;
  /** Mean probability inside of a box from which it is kept. */
  least: number;
  /** How far a box grows: the network marks the core of a line only. Area · grow / perimeter is added on each side. */
  grow: number;
}

const SMALLEST = 3; // pixels of the shorter side, before it grows
const MOST = 1000; // boxes of an image

/** The boxes of the text in a map [height, width] of probabilities, with the mean of each. */
export function boxesOf(
  map: Float32Array,
  width: number,
  height: number,
  options: BoxOptions,
): { box: Box; score: number }[] {
  const found: { box: Box; score: number }[] = [];
  for (const points of components(map, width, height, options.threshold)) {
    const box = smallestBox(hull(points));
    if (box.height < SMALLEST) {
      continue;
    }
    const score = meanInside(map, width, height, box);
    if (score < options.least) {
      continue;
    }
    const distance = (box.width * box.height * options.grow) / (2 * (box.width + box.height));
    const grown = { ...box, width: box.width + 2 * distance, height: box.height + 2 * distance };
    if (grown.height >= SMALLEST + 2) {
      found.push({ box: grown, score });
    }
    if (found.length === MOST) {
      break;
    }
  }
  return found;
}

/** Of each set of pixels above the threshold that touch, corners included: the first and last of each row. */
function* components(
  map: Float32Array,
  width: number,
  height: number,
  threshold: number,
): Generator<Point[]> {
  const seen = new Uint8Array(map.length);
  const stack: number[] = [];
  const visit = (at: number) => {
    if (!seen[at] && map[at]! > threshold) {
      seen[at] = 1;
      stack.push(at);
    }
  };
  for (let start = 0; start < map.length; start++) {
    visit(start);
    if (stack.length === 0) {
      continue;
    }
    const rows = new Map<number, [number, number]>();
    while (stack.length > 0) {
      const at = stack.pop()!;
      const x = at % width;
      const y = (at - x) / width;
      const row = rows.get(y);
      rows.set(y, row ? [Math.min(row[0], x), Math.max(row[1], x)] : [x, x]);
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          visit(row * width + column);
        }
      }
    }
    // The corners of the pixels, so that one pixel has an area of one.
    yield [...rows].flatMap(([y, [first, last]]): Point[] => [
      [first, y],
      [last + 1, y],
      [first, y + 1],
      [last + 1, y + 1],
    ]);
  }
}

/** The convex hull, counter-clockwise: Andrew's monotone chain. */
export function hull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  if (sorted.length < 2) {
    return sorted;
  }
  const half = (list: Point[]): Point[] => {
    const chain: Point[] = [];
    for (const point of list) {
      while (chain.length > 1 && turn(chain.at(-2)!, chain.at(-1)!, point) <= 0) {
        chain.pop();
      }
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

function turn(a: Point, b: Point, c: Point): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/** The rectangle of the least area around a convex polygon; one of its sides lies on one of the polygon's. */
export function smallestBox(polygon: readonly Point[]): Box {
  let best: Box | null = null;
  polygon.forEach((point, i) => {
    const next = polygon[(i + 1) % polygon.length]!;
    const length = Math.hypot(next[0] - point[0], next[1] - point[1]);
    if (length === 0) {
      return;
    }
    const along: Point = [(next[0] - point[0]) / length, (next[1] - point[1]) / length];
    const [left, right] = extent(polygon, along);
    const across: Point = [-along[1], along[0]];
    const [top, bottom] = extent(polygon, across);
    const [width, height] = [right - left, bottom - top];
    if (best && width * height >= best.width * best.height - 1e-9) {
      return;
    }
    const [u, v] = [(left + right) / 2, (top + bottom) / 2];
    const centre: Point = [u * along[0] + v * across[0], u * along[1] + v * across[1]];
    best = upright({ centre, width, height, along });
  });
  return best ?? { centre: polygon[0] ?? [0, 0], width: 0, height: 0, along: [1, 0] };
}

function extent(polygon: readonly Point[], along: Point): [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (const [x, y] of polygon) {
    const at = x * along[0] + y * along[1];
    least = Math.min(least, at);
    most = Math.max(most, at);
  }
  return [least, most];
}

/** The same rectangle with its longer side first, read from the left, or from the top where it stands. */
function upright({ centre, width, height, along }: Box): Box {
  let [x, y] = width >= height ? along : [-along[1], along[0]];
  if (x < -Math.SQRT1_2 || (Math.abs(x) <= Math.SQRT1_2 && y < 0)) {
    [x, y] = [-x, -y];
  }
  return {
    centre,
    width: Math.max(width, height),
    height: Math.min(width, height),
    along: [x, y],
  };
}

function meanInside(map: Float32Array, width: number, height: number, box: Box): number {
  const { centre, along } = box;
  const reachX = (Math.abs(along[0]) * box.width + Math.abs(along[1]) * box.height) / 2;
  const reachY = (Math.abs(along[1]) * box.width + Math.abs(along[0]) * box.height) / 2;
  let [sum, count] = [0, 0];
  const last = (to: number, most: number) => Math.min(most - 1, Math.ceil(to));
  for (
    let y = Math.max(0, Math.floor(centre[1] - reachY));
    y <= last(centre[1] + reachY, height);
    y++
  ) {
    for (
      let x = Math.max(0, Math.floor(centre[0] - reachX));
      x <= last(centre[0] + reachX, width);
      x++
    ) {
      const [dx, dy] = [x + 0.5 - centre[0], y + 0.5 - centre[1]];
      const u = Math.abs(dx * along[0] + dy * along[1]);
      const v = Math.abs(dy * along[0] - dx * along[1]);
      if (u <= box.width / 2 && v <= box.height / 2) {
        sum += map[y * width + x]!;
        count++;
      }
    }
  }
  return count === 0 ? 0 : sum / count;
}

/** Corners from the text's top left one on, clockwise. */
export function corners({ centre, width, height, along }: Box): [Point, Point, Point, Point] {
  const at = (u: number, v: number): Point => [
    centre[0] + u * along[0] - v * along[1],
    centre[1] + u * along[1] + v * along[0],
  ];
  const [u, v] = [width / 2, height / 2];
  return [at(-u, -v), at(u, -v), at(u, v), at(-u, v)];
}

/**
 * Boxes as a person reads them: rows from the top, each from the left, where "right" is the way in which most of the text runs. Boxes are in one
 * row if their middles lie within half of the lower one's height.
 */
export function rowsOf<T extends { box: Box }>(items: readonly T[]): T[][] {
  let [x, y] = [0, 0];
  for (const { box } of items) {
    x += box.along[0] * box.width;
    y += box.along[1] * box.width;
  }
  const length = Math.hypot(x, y) || 1;
  const right: Point = length > 1e-6 ? [x / length, y / length] : [1, 0];
  const across = ({ box: { centre } }: T) => centre[0] * right[0] + centre[1] * right[1];
  const down = ({ box: { centre } }: T) => centre[1] * right[0] - centre[0] * right[1];
  const rows: T[][] = [];
  for (const item of [...items].sort((a, b) => down(a) - down(b))) {
    const row = rows.at(-1);
    const before = row?.at(-1);
    const near =
      before && down(item) - down(before) < Math.min(item.box.height, before.box.height) / 2;
    if (row && near) {
      row.push(item);
    } else {
      rows.push([item]);
    }
  }
  rows.forEach((row) => row.sort((a, b) => across(a) - across(b)));
  return rows;
}

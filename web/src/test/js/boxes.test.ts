import {
  boxesOf,
  corners,
  hull,
  rowsOf,
  smallestBox,
  type Box,
} from '../../main/js/sdk/vision/boxes.js';
import type { Point } from '../../main/js/sdk/vision/resample.js';
import { close, same, test } from './harness.js';

const OPTIONS = { threshold: 0.3, least: 0.6, grow: 1.5 };

/** A map whose pixels have the probability that the function gives for their middles. */
function map(width: number, height: number, at: (x: number, y: number) => number): Float32Array {
  return Float32Array.from({ length: width * height }, (_, i) =>
    at((i % width) + 0.5, Math.floor(i / width) + 0.5),
  );
}

const within = (x: number, from: number, to: number) => x >= from && x < to;

function closePoint(actual: Point, [x, y]: Point, precision: number): void {
  close(actual[0], x, precision);
  close(actual[1], y, precision);
}

test('boxes: an upright line grows by its area times the factor over its perimeter', () => {
  const probabilities = map(40, 20, (x, y) => (within(x, 5, 25) && within(y, 6, 12) ? 0.9 : 0.1));
  const found = boxesOf(probabilities, 40, 20, OPTIONS);
  same(found.length, 1, 'boxes');
  const { box, score } = found[0]!;
  close(score, 0.9, 1e-6);
  closePoint(box.centre, [15, 9], 1e-9);
  closePoint(box.along, [1, 0], 1e-9);
  const distance = (20 * 6 * 1.5) / (2 * 26);
  close(box.width, 20 + 2 * distance, 1e-9);
  close(box.height, 6 + 2 * distance, 1e-9);
});

test('boxes: a slanting line has its own angle, and what lies beside it does not lower its score', () => {
  const [cos, sin] = [Math.cos(0.5), Math.sin(0.5)];
  const probabilities = map(80, 60, (x, y) => {
    const [dx, dy] = [x - 40, y - 30];
    const inside = Math.abs(dx * cos + dy * sin) < 25 && Math.abs(dy * cos - dx * sin) < 5;
    return inside ? 0.8 : 0;
  });
  const [first, ...more] = boxesOf(probabilities, 80, 60, { ...OPTIONS, grow: 0 });
  same(more.length, 0, 'further boxes');
  const { box, score } = first!;
  closePoint(box.centre, [40, 30], 0.5);
  closePoint(box.along, [cos, sin], 0.03);
  close(box.width, 50, 2);
  close(box.height, 10, 2);
  // The box goes around whole pixels, 51.4 by 11.2; the upright one would be empty by three quarters.
  close(score, (0.8 * 50 * 10) / (51.4 * 11.2), 0.03);
});

test('boxes: pixels that touch at a corner are one line, others are not', () => {
  const touching = map(30, 30, (x, y) =>
    (within(x, 2, 12) && within(y, 2, 8)) || (within(x, 12, 22) && within(y, 8, 14)) ? 1 : 0,
  );
  same(boxesOf(touching, 30, 30, { ...OPTIONS, least: 0 }).length, 1, 'boxes');
  const apart = map(30, 30, (x, y) =>
    (within(x, 2, 12) && within(y, 2, 8)) || (within(x, 13, 23) && within(y, 8, 14)) ? 1 : 0,
  );
  same(boxesOf(apart, 30, 30, { ...OPTIONS, least: 0 }).length, 2, 'boxes');
});

test('boxes: rows do not run into each other at the edges of the map', () => {
  // The last pixel of a row and the first of the next are neighbours in memory only.
  const probabilities = map(20, 12, (x, y) =>
    (x > 12 && within(y, 1, 6)) || (x < 8 && within(y, 6, 11)) ? 1 : 0,
  );
  const centres = boxesOf(probabilities, 20, 12, OPTIONS).map(({ box }) => box.centre);
  same(centres, [
    [16, 3.5],
    [4, 8.5],
  ]);
});

test('boxes: what is thin, faint, or just at the threshold is left out', () => {
  const line = (probability: number, height: number) =>
    boxesOf(
      map(30, 30, (x, y) => (within(x, 5, 25) && within(y, 10, 10 + height) ? probability : 0)),
      30,
      30,
      { ...OPTIONS, threshold: 0.5 },
    ).length;
  same(line(0.9, 3), 1, 'a line of three pixels');
  same(line(0.9, 2), 0, 'a line of two pixels');
  same(line(0.59, 6), 0, 'a faint line');
  same(line(0.61, 6), 1, 'a line that is just likely enough');
  same(
    boxesOf(new Float32Array(900).fill(0.5), 30, 30, { ...OPTIONS, threshold: 0.5 }).length,
    0,
    'boxes of pixels at the threshold',
  );
});

test('boxes: no more than a thousand are found', () => {
  // 42 by 42 squares of three pixels, one apart.
  const size = 42 * 4;
  const probabilities = map(size, size, (x, y) => (x % 4 < 3 && y % 4 < 3 ? 1 : 0));
  same(boxesOf(probabilities, size, size, OPTIONS).length, 1000, 'boxes');
});

test('boxes: a hull keeps the corners only, in turning order', () => {
  const points: Point[] = [
    [2, 2],
    [0, 0],
    [4, 0],
    [2, 0],
    [4, 4],
    [1, 3],
    [0, 4],
    [0, 2],
  ];
  const polygon = hull(points);
  same([...polygon].map(String).sort(), ['0,0', '0,4', '4,0', '4,4'], 'corners');
  const area = polygon.reduce((sum, [x, y], i) => {
    const [nextX, nextY] = polygon[(i + 1) % polygon.length]!;
    return sum + (x * nextY - nextX * y) / 2;
  }, 0);
  same(area, 16, 'signed area');
  same(
    hull([
      [3, 1],
      [1, 1],
      [2, 1],
    ]),
    [
      [1, 1],
      [3, 1],
    ],
    'hull of a line',
  );
  same(hull([[5, 7]]), [[5, 7]], 'hull of a point');
});

test('boxes: the smallest rectangle is found at any angle, its longer side first', () => {
  for (let degrees = -85; degrees <= 90; degrees += 25) {
    const angle = (degrees * Math.PI) / 180;
    const given: Box = {
      centre: [30, 20],
      width: 24,
      height: 10,
      along: [Math.cos(angle), Math.sin(angle)],
    };
    const box = smallestBox(hull(corners(given)));
    closePoint(box.centre, [30, 20], 1e-9);
    close(box.width, 24, 1e-9);
    close(box.height, 10, 1e-9);
    // The same line, but read from -45 to 135 degrees.
    const turned = degrees < -45 ? -1 : 1;
    closePoint(box.along, [turned * given.along[0], turned * given.along[1]], 1e-9);
  }
});

test('boxes: what stands is read from its top', () => {
  const box = smallestBox([
    [0, 0],
    [4, 0],
    [4, 30],
    [0, 30],
  ]);
  same([box.width, box.height], [30, 4], 'sides');
  closePoint(box.along, [0, 1], 1e-9);
  // Its top left corner, as it is read, is the upper right one of the image.
  const expected: Point[] = [
    [4, 0],
    [4, 30],
    [0, 30],
    [0, 0],
  ];
  corners(box).forEach((corner, i) => closePoint(corner, expected[i]!, 1e-9));
});

test('boxes: nothing and a point have boxes without an extent', () => {
  same(smallestBox([]).width, 0, 'width');
  const point = smallestBox(hull([[5, 7]]));
  same([point.centre, point.width, point.height], [[5, 7], 0, 0], 'box of a point');
});

const item = (name: string, x: number, y: number, angle = 0, height = 10) => ({
  name,
  box: {
    centre: [x, y] as Point,
    width: 40,
    height,
    along: [Math.cos(angle), Math.sin(angle)] as Point,
  },
});

test('boxes: rows from the top, each from the left', () => {
  const rows = rowsOf([
    item('price', 200, 12),
    item('total', 50, 41),
    item('name', 50, 10),
    item('sum', 200, 38),
    item('title', 120, -30),
  ]);
  same(
    rows.map((row) => row.map(({ name }) => name)),
    [['title'], ['name', 'price'], ['total', 'sum']],
    'rows',
  );
  same(rowsOf([]), [], 'rows of nothing');
});

test('boxes: rows of slanting text, and of text that runs downwards', () => {
  const names = (items: ReturnType<typeof item>[]) =>
    rowsOf(items).map((row) => row.map(({ name }) => name));
  const placed = (angle: number) =>
    (
      [
        ['d', 150, 20],
        ['a', 0, 0],
        ['c', 0, 20],
        ['b', 150, 0],
      ] as const
    ).map(([name, u, v]) => {
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      return item(name, u * cos - v * sin, u * sin + v * cos, angle);
    });
  for (const angle of [0.3, -0.3, Math.PI / 2]) {
    same(
      names(placed(angle)),
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
      `rows at ${angle}`,
    );
  }
});

test('boxes: a small box belongs to a row only within half of its own height', () => {
  const names = (dy: number) =>
    rowsOf([item('large', 0, 0, 0, 40), item('small', 100, dy, 0, 10)]).length;
  same(names(4), 1, 'rows where they are level');
  same(names(6), 2, 'rows where they are not');
});
